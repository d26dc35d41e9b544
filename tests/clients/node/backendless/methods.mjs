// Prints the methods that the Backendless SDK has for hives, as JSON: of the service, of a hive, of each store type and key.
import Backendless from 'backendless'

const app = Backendless.initApp({ domain: process.argv[2], standalone: true })
const hive = app.Hive('h')
const own = object => Object.getOwnPropertyNames(object).filter(name => typeof object[name] === 'function')
const public_ = names => names.filter(name => !['constructor', 'getBaseURL', 'length', 'insert'].includes(name))

const methods = {
  service: ['getNames'].filter(name => typeof app.Hive[name] === 'function'),
  hive: public_(own(Object.getPrototypeOf(hive))),
}

for (const store of ['KeyValueStore', 'ListStore', 'MapStore', 'SetStore', 'SortedSetStore']) {
  const prototype = Object.getPrototypeOf(hive[store]('k'))

  methods[store] = [
    ...public_(own(hive[store])),
    ...public_(own(prototype)),
    ...public_(own(Object.getPrototypeOf(prototype))),
    ...(typeof prototype.length === 'function' ? ['length'] : []),
  ]
}

process.stdout.write(JSON.stringify(methods), () => process.exit(0))

// Carries out calls of the Backendless SDK, one after the other, and prints what became of each.
//
// Argument, as JSON: {"init": arguments of initApp, "serverURL"?, "userToken"?, "calls": [call…]}.
// A call: {"hive"?, "store"?, "key"?, "method", "args"}: of the Hive service itself, of a hive, of a store type, or of
// the store of a key.
import Backendless from 'backendless'

const { init, serverURL, userToken, calls } = JSON.parse(process.argv[2])

if (serverURL) {
  Backendless.serverURL = serverURL
}

Backendless.initApp(...init)

if (userToken) {
  await Backendless.appInfoPromise()
  Backendless.Users.currentUser = new Backendless.User({ 'user-token': userToken })
}

const outcomes = []

for (const { hive, store, key, method, args } of calls) {
  let target = hive === undefined ? Backendless.Hive : Backendless.Hive(hive)

  if (store !== undefined) {
    target = key === undefined ? target[store] : target[store](key)
  }

  try {
    const result = await target[method](...args)

    outcomes.push({ result: result === undefined ? null : result })
  } catch (error) {
    const { code, message, status, body } = error

    outcomes.push({ error: { name: error.constructor.name, code, message, status, body } })
  }
}

const info = await Backendless.appInfoPromise().catch(error => ({ code: error.code }))

process.stdout.write(JSON.stringify({ outcomes, info }), () => process.exit(0))

"""The fake against a model that is too simple to be wrong: dictionaries, and leases as lists of ends."""

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_kvfake import FakeRegistry
from pytest_kvfake.engine.messages import Headers, Request, body_of

CLOCK = 1_700_000_000
PATHS = st.sampled_from(["a", "d/a", "d/b", "d/e/a"])
PLAYERS = st.sampled_from(["p1", "p2", "p3"])
CONDITIONS = st.sampled_from(["none", "present", "stale", "ahead"])


class Registry(RuleBasedStateMachine):
    """One org, seen through requests; what the answers have to be is worked out beside it."""

    @initialize(step=st.sampled_from([1, 7]))
    def begin(self, step):
        self.fake = FakeRegistry(seed=1, org_time_step=step)
        self.fake.clock.freeze(CLOCK)
        self.step = step
        self.key = self.fake.org_key
        self.time = 0
        self.now = CLOCK * 1000
        self.items: dict[str, tuple[bytes, int, int]] = {}
        self.roles: dict[str, tuple[int, dict[str, int]]] = {}
        self.saved = None

    def ask(self, method, path, body=b"", **fields):
        headers = Headers([("Authorization", self.key), *((n.replace("_", "-"), v) for n, v in fields.items())])
        response = self.fake.world.handle(Request(method, f"/sample_org{path}", headers), body_of(body)).response
        if response.status < 300 or response.status == 409:
            assert response.header("x-dk-org-time") == str(self.time)
        return response.status, response.body

    def condition(self, wish, path):
        present = self.items[path][2] if path in self.items else self.time
        value = {"none": None, "present": present, "stale": present - 1, "ahead": present + 1}[wish]
        met = path not in self.items or value is None or value == present
        return met, {} if value is None or value < 0 else {"x_dk_update_org_time": str(value)}

    def players(self, path):
        seats, ends = self.roles.get(path, (0, {}))
        return seats, {player: end for player, end in ends.items() if end > self.now}

    @rule(path=PATHS, value=st.binary(max_size=4), wish=CONDITIONS)
    def write(self, path, value, wish):
        met, fields = self.condition(wish, path)
        if "x_dk_update_org_time" not in fields:
            met = True
        old = self.items.get(path)
        if met:
            self.time += self.step
            self.items[path] = (value, old[1] if old else self.time, self.time)
            times = {"create_org_time": self.items[path][1], "update_org_time": self.time}
            expected = (200 if old else 201, times)
        else:
            expected = (409, {"update_org_time": old[2]})
        status, body = self.ask("PUT", f"/{path}.data", value, **fields)
        assert (status, json.loads(body)) == expected

    @rule(path=PATHS, value=st.binary(max_size=4), applied=st.booleans())
    def lose_the_answer_of_a_write(self, path, value, applied):
        self.fake.faults.error("write_data", status=500, applied=applied)
        assert self.ask("PUT", f"/{path}.data", value)[0] == 500
        assert self.fake.journal.last.applied is applied
        if applied:
            self.time += self.step
            created = self.items[path][1] if path in self.items else self.time
            self.items[path] = (value, created, self.time)

    @rule(path=PATHS, wish=CONDITIONS)
    def delete(self, path, wish):
        met, fields = self.condition(wish, path)
        met = met or not fields
        if met and path in self.items:
            del self.items[path]
            self.time += self.step
        assert self.ask("DELETE", f"/{path}.data", **fields)[0] == (200 if met else 409)

    @rule(path=PATHS, player=PLAYERS, seconds=st.integers(1, 30), seats=st.sampled_from([1, 2]))
    def take(self, path, player, seconds, seats):
        had, ends = self.players(path)
        if ends and (had != seats or (player not in ends and len(ends) >= seats)):
            expected = 409
        else:
            expected = 200 if ends else 201
            end = max(ends.get(player, 0), self.now + seconds * 1000)
            self.roles[path] = (seats, {**ends, player: end})
            self.time += self.step
        wish = {"player_name": player, "playtime_secs": seconds, "max_players": seats, "client_unix_time_in_msecs": 5}
        status, body = self.ask("PUT", f"/{path}.role", json.dumps(wish).encode(), content_type="application/json")
        assert status == expected
        if status < 300:
            granted = self.roles[path][1][player] - self.now
            assert json.loads(body) == {"client_expiration_time_in_msecs": 5 + granted}

    @rule(path=PATHS, player=PLAYERS)
    def release(self, path, player):
        seats, ends = self.players(path)
        if player in ends:
            del ends[player]
            self.roles[path] = (seats, ends)
            self.time += self.step
        body = json.dumps({"player_name": player}).encode()
        assert self.ask("DELETE", f"/{path}.role", body, content_type="application/json") == (200, b"")

    @rule(seconds=st.sampled_from([0.001, 0.5, 1, 10]))
    def wait(self, seconds):
        self.fake.clock.advance(seconds)
        self.now += round(seconds * 1000)

    @rule()
    def rotate(self):
        self.time += self.step
        status, body = self.ask("PUT", "")
        assert status == 200
        assert self.ask("GET", "") == (404, b"")
        self.key = json.loads(body)["org_key"]

    @rule()
    def save(self):
        self.saved = (self.fake.snapshot(), self.time, self.key, dict(self.items), dict(self.roles))

    @rule()
    def come_back(self):
        if self.saved is not None:
            snapshot, self.time, self.key, items, roles = self.saved
            self.items, self.roles = dict(items), dict(roles)
            self.fake.restore(snapshot)

    @invariant()
    def reads_show_the_model(self):
        if not hasattr(self, "fake"):
            return
        for path in ("a", "d/a", "d/b", "d/e/a"):
            expected = (200, self.items[path][0]) if path in self.items else (404, b"")
            assert self.ask("GET", f"/{path}.data") == expected
            seats, ends = self.players(path)
            status, body = self.ask("GET", f"/{path}.role")
            assert status == (200 if ends else 404)
            if ends:
                shown = json.loads(body)
                remaining = {player: end - self.now for player, end in ends.items()}
                assert (shown["max_players"], shown["players_remaining_milliseconds"]) == (seats, remaining)

    @invariant()
    def listings_show_the_model(self):
        if not hasattr(self, "fake"):
            return
        played = [path for path in self.roles if self.players(path)[1]]
        for directory, prefix in (("/", ""), ("/d/", "d/"), ("/d/e/", "d/e/")):
            files = [f"/sample_org/{path}.data" for path in self.items if path.startswith(prefix)]
            files += [f"/sample_org/{path}.role" for path in played if path.startswith(prefix)]
            assert sorted(files) == json.loads(self.ask("GET", directory)[1])["files"]

    def teardown(self):
        if hasattr(self, "fake"):
            self.fake.verify()


Registry.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRegistry = Registry.TestCase

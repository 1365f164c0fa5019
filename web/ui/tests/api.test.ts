import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, Refusal, Unreachable, urlOf } from "../src/api.ts";
import { acceptOffer, getIncident, postSession } from "../src/wire.ts";

interface Sent {
  readonly url: string;
  readonly headers: Record<string, string>;
}

function api(...answers: (Response | Error)[]) {
  const sent: Sent[] = [];
  const made = new Api({
    fetch: (url, init) => {
      sent.push({ url: String(url), headers: init?.headers as Record<string, string> });
      const next = answers.shift();
      if (next === undefined) throw new Error("no answer is left");
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    pause: () => Promise.resolve(),
    random: () => 0,
  });
  return { made, sent };
}

const json = (status: number, body: object) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const problem = (status: number, code: string) => json(status, { title: "t", status, code, detail: "Words.", facts: { a: 1 } });
const given = { path: { offer_id: "o/1" }, body: {} };

test("an act keeps its key until somebody answers", async () => {
  const { made, sent } = api(new TypeError("network"), problem(503, "busy"), new Response("", { status: 502 }), json(200, { seq: 4 }));
  assert.deepEqual(await made.call(acceptOffer, given), { seq: 4, result: {} });
  const keys = new Set(sent.map((one) => one.headers["Idempotency-Key"]));
  assert.equal(sent.length, 4);
  assert.equal(keys.size, 1);
  assert.equal(sent[0]?.url, "/api/v1/offers/o%2F1/accept");
  assert.ok(sent[0]?.headers["X-Crisis-Client"]);
});

test("a refusal is said at once, with its code and facts", async () => {
  const { made, sent } = api(problem(409, "offer_closed"));
  await assert.rejects(made.call(acceptOffer, given), (error: unknown) => {
    assert.ok(error instanceof Refusal);
    assert.deepEqual([error.code, error.status, error.facts], ["offer_closed", 409, { a: 1 }]);
    return true;
  });
  assert.equal(sent.length, 1);
});

test("where nobody answers it doesn't claim to know", async () => {
  const { made, sent } = api(...Array.from({ length: 4 }, () => new TypeError("network")));
  await assert.rejects(made.call(acceptOffer, given), Unreachable);
  assert.equal(sent.length, 4);
});

test("signing in is not sent twice by itself, and a wrong password ends no session", async () => {
  const { made, sent } = api(new TypeError("network"), problem(401, "bad_credentials"), problem(401, "session_expired"));
  let ended = 0;
  made.onSignedOut = () => ended++;
  const body = { username: "a", password: "b" };
  await assert.rejects(made.call(postSession, { body }), Unreachable);
  assert.equal(sent.length, 1);
  await assert.rejects(made.call(postSession, { body }), Refusal);
  assert.equal(ended, 0);
  await assert.rejects(made.call(acceptOffer, given), Refusal);
  assert.equal(ended, 1);
});

test("an answer has every field, however deep", async () => {
  const incident = { id: "i", county_id: 6001, number: 1, state: "open", offers: [{ id: "o" }] };
  const { made } = api(json(200, { phase: "waiting", incident, labels: {} }));
  const answer = await made.call(getIncident, { path: { incident_id: "i" } });
  assert.deepEqual(answer.incident.assignments, []);
  assert.ok(Array.isArray(answer.incident.offers[0]?.shortfalls));
});

test("a path without its id is a mistake of ours, not a request", () => {
  assert.throws(() => urlOf("/x/{id}", {}, {}), /needs id/);
  assert.equal(urlOf("/x/{id}", { id: "é" }, { a: 1, b: undefined }), "/x/%C3%A9?a=1");
});

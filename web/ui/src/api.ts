// Requests to the API: one key per act, kept across retries; refusals as values with words.

import { complete, type Shape } from "./shape.ts";
import type { Answered, Problem, RefusalCode } from "./wire.ts";

/** One row of the API's table; the constants stand in wire.ts. */
export interface Operation<Path, Query, Body, Answer> {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Whether it changes something, and so needs a key. */
  readonly command: boolean;
  readonly shape: Shape | null;
  /** Never there: they only carry the types. */
  readonly _path?: Path;
  readonly _query?: Query;
  readonly _body?: Body;
  readonly _answer?: Answer;
}

export type AnyOperation = Operation<any, any, any, any>;

type Part<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : undefined extends T
    ? { readonly [K in Name]?: T }
    : Record<string, never> extends T
      ? { readonly [K in Name]?: T }
      : { readonly [K in Name]: T };

export type Given<P, Q, B> = Part<"path", P> &
  Part<"query", Q> &
  Part<"body", B> & {
    /** The act's key; made anew when left out. */
    readonly key?: string;
    readonly signal?: AbortSignal;
  };

/** The server understood and said no. `code` is stable; `detail` is English. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: RefusalCode | (string & {});
  readonly detail: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(problem: Problem) {
    super(problem.code);
    this.name = "Refusal";
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.facts = problem.facts;
  }
}

/** Nobody answered, or the service can't at this moment: whether it was done is not known. */
export class Unreachable extends Error {
  constructor(why: string) {
    super(why);
    this.name = "Unreachable";
  }
}

/** A new key for one act of a person; the same act sent again keeps it. */
export function newKey(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID();
  // Pages over plain http from another machine have no randomUUID.
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export interface ApiOptions {
  readonly fetch?: typeof fetch;
  readonly pause?: (ms: number) => Promise<void>;
  readonly random?: () => number;
  /** How often a request is sent at most, where nobody can answer it. */
  readonly tries?: number;
  /** Milliseconds until an unanswered request is given up. */
  readonly patienceMs?: number;
}

const LONGEST_PAUSE_MS = 8000;

export class Api {
  /** The county that requests act in; needed by accounts with several. */
  county: number | null = null;
  /** Called when the session has ended, with what the service said of it. */
  onSignedOut: (why: Refusal) => void = () => undefined;
  /** Called with the answer of each command that was done. */
  onDone: (answer: Answered) => void = () => undefined;
  private readonly options: Required<ApiOptions>;

  constructor(options: ApiOptions = {}) {
    this.options = {
      fetch: (input, init) => fetch(input, init),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      random: Math.random,
      tries: 4,
      patienceMs: 15_000,
      ...options,
    };
  }

  /**
   * Send a request and return the whole answer.
   *
   * Where nobody answers, or with 503, it is sent again with the same key.
   * Throws `Refusal` or, once that was tried often enough, `Unreachable`.
   */
  async call<P, Q, B, A>(operation: Operation<P, Q, B, A>, given: Given<P, Q, B>): Promise<A> {
    const parts = given as { path?: Record<string, string>; query?: Record<string, unknown>; body?: unknown };
    const url = urlOf(operation.path, parts.path ?? {}, parts.query ?? {});
    const key = operation.command ? (given.key ?? newKey()) : null;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.once(operation, url, parts.body, key, given.signal);
      if (outcome.answer !== undefined) {
        if (operation.command) this.onDone(outcome.answer.value as Answered);
        return outcome.answer.value as A;
      }
      const mayRepeat = operation.command || operation.method === "GET";
      if (!mayRepeat || attempt >= this.options.tries || given.signal?.aborted) throw outcome.trouble;
      const backOff = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** attempt) * (0.5 + this.options.random() / 2);
      await this.options.pause(Math.max(backOff, outcome.afterMs));
    }
  }

  /** Send it once: an answer, or trouble that may pass. Throws a `Refusal` that won't. */
  private async once(
    operation: AnyOperation,
    url: string,
    body: unknown,
    key: string | null,
    signal: AbortSignal | undefined,
  ): Promise<{ answer?: { value: unknown }; trouble: Error; afterMs: number }> {
    const headers: Record<string, string> = { "X-Crisis-Client": "page" };
    if (key !== null) headers["Idempotency-Key"] = key;
    if (this.county !== null) headers["X-County"] = String(this.county);
    const hasBody = operation.method !== "GET" && operation.method !== "DELETE";
    if (hasBody) headers["Content-Type"] = "application/json";
    const patience = AbortSignal.timeout(this.options.patienceMs);
    let response: Response;
    let text: string;
    try {
      response = await this.options.fetch(url, {
        method: operation.method,
        headers,
        credentials: "same-origin",
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
        ...(hasBody ? { body: JSON.stringify(body ?? {}) } : {}),
      });
      text = await response.text();
    } catch (error) {
      return { trouble: new Unreachable(String(error)), afterMs: 0 };
    }
    if (response.ok) return { answer: { value: answerOf(operation, response, text) }, trouble: NONE, afterMs: 0 };
    const problem = problemOf(response.status, text);
    // Behind a proxy, 502 and 504 come without a problem: the same as no answer.
    if (response.status >= 500) {
      const after = Number(response.headers.get("Retry-After") ?? 0) * 1000;
      const trouble = response.status === 503 && problem ? new Refusal(problem) : new Unreachable(String(response.status));
      return { trouble, afterMs: Number.isFinite(after) ? Math.min(after, LONGEST_PAUSE_MS) : 0 };
    }
    const refusal = new Refusal(problem ?? unknownProblem(response.status));
    // A wrong password is no ended session.
    if (refusal.status === 401 && refusal.code !== "bad_credentials") this.onSignedOut(refusal);
    throw refusal;
  }
}

const NONE = new Error();

function answerOf(operation: AnyOperation, response: Response, text: string): unknown {
  if (response.status === 204 || text === "") return undefined;
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  if (!isJson) return text;
  const value = complete(JSON.parse(text), operation.shape) as { result?: unknown };
  // An empty result is left out on the wire.
  if (operation.command && value.result === undefined) return { ...value, result: {} };
  return value;
}

function problemOf(status: number, text: string): Problem | null {
  try {
    const found = JSON.parse(text) as Partial<Problem>;
    if (typeof found.code !== "string") return null;
    return { type: "about:blank", title: "", detail: "", facts: {}, status, ...found, code: found.code };
  } catch {
    return null;
  }
}

function unknownProblem(status: number): Problem {
  return { type: "about:blank", title: "", status, code: "unknown", detail: `HTTP ${status}`, facts: {} };
}

/** Put ids into a path, and the query behind it. */
export function urlOf(path: string, ids: Readonly<Record<string, string>>, query: Readonly<Record<string, unknown>>): string {
  const whole = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`${path} needs ${name}`);
    return encodeURIComponent(id);
  });
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${whole}?${text}` : whole;
}

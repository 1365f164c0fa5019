// What a device keeps, encrypted: nothing readable ever reaches its disk.
//
// Decides how things are sealed, kept and thrown away. The key is made on the device, can't be read
// out by any script, and is thrown away with everything sealed under it; what must outlive that is
// sealed anew under another. Must not know what is kept, or for whom.
//
// What a browser writes once stays in its files until it tidies them: that is why only sealed bytes
// are ever given to it, and why blanking a value would not do.

export interface Sealed {
  readonly name: string;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly data: ArrayBuffer;
}

export interface KeptKey {
  /** Tells keys apart; says nothing of the key. */
  readonly id: string;
  readonly key: CryptoKey;
}

/** Where sealed things lie. */
export interface Disk {
  load(): Promise<{ readonly key: KeptKey | null; readonly sealed: readonly Sealed[] }>;
  /** Write and remove, as long as `keyId` is the key in use; resolves with whether it was. */
  change(keyId: string, put: readonly Sealed[], remove: readonly string[], isLasting: boolean): Promise<boolean>;
  /** Throw everything away, the key first of all; then keep these under that key, if there is one. */
  replace(key: KeptKey | null, sealed: readonly Sealed[]): Promise<void>;
}

interface Change {
  /** `undefined` = remove it. */
  readonly value: unknown;
  readonly isLasting: boolean;
  readonly done: (() => void)[];
  readonly failed: ((error: unknown) => void)[];
}

/** Another page of this browser has thrown the key away: what this one holds is nobody's any more. */
export class Gone extends Error {}

export class Vault {
  /** Called once when another page has thrown everything away. */
  onGone: () => void = () => undefined;
  private readonly disk: Disk;
  private key: KeptKey;
  private readonly held: Map<string, unknown>;
  private readonly waiting = new Map<string, Change>();
  private last: Promise<unknown> = Promise.resolve();
  private isGone = false;

  private constructor(disk: Disk, key: KeptKey, held: Map<string, unknown>) {
    this.disk = disk;
    this.key = key;
    this.held = held;
  }

  /** Open what is kept there. Throws where the device can't keep or can't encrypt. */
  static async open(disk: Disk): Promise<Vault> {
    const { key, sealed } = await disk.load();
    if (key === null) {
      const made = await newKey();
      await disk.replace(made, []);
      return new Vault(disk, made, new Map());
    }
    const held = new Map<string, unknown>();
    for (const one of sealed) {
      try {
        held.set(one.name, await unseal(key.key, one));
      } catch {
        // Damaged, or of another key: lost, like a page torn out. The rest counts.
      }
    }
    return new Vault(disk, key, held);
  }

  /** What is kept under a name; `null` = nothing. */
  read<T>(name: string): T | null {
    return (this.held.get(name) as T | undefined) ?? null;
  }

  /** The names that begin so. */
  names(prefix: string): readonly string[] {
    return [...this.held.keys()].filter((name) => name.startsWith(prefix));
  }

  /**
   * Keep something; resolves once it is on the disk, and readable here at once.
   *
   * `isLasting`: survives a loss of power too. Of several values under one name that wait to be
   * written only the newest is.
   */
  write(name: string, value: unknown, isLasting = true): Promise<void> {
    this.held.set(name, value);
    return this.enqueue(name, value, isLasting);
  }

  drop(name: string): Promise<void> {
    if (!this.held.delete(name)) return Promise.resolve();
    return this.enqueue(name, undefined, true);
  }

  /** Throw away the key, and with it everything but what `keep` picks: that gets another key. */
  async forget(keep: (name: string) => boolean = () => false): Promise<void> {
    for (const name of [...this.held.keys()]) if (!keep(name)) this.held.delete(name);
    const mine = new Set(this.held.keys());
    for (const [name, change] of [...this.waiting]) {
      this.waiting.delete(name);
      for (const done of change.done) done();
    }
    await this.inTurn(async () => {
      await this.takeIn(keep, mine);
      const key = await newKey();
      const rest: Sealed[] = [];
      for (const [name, value] of this.held) rest.push(await seal(key.key, name, value));
      await this.disk.replace(key, rest);
      this.key = key;
    });
  }

  /** Another page of this browser may have kept things here that are to stay: take them in. */
  private async takeIn(keep: (name: string) => boolean, mine: ReadonlySet<string>): Promise<void> {
    const { key, sealed } = await this.disk.load();
    if (key?.id !== this.key.id) return;
    for (const one of sealed) {
      if (mine.has(one.name) || this.held.has(one.name)) continue;
      try {
        this.held.set(one.name, await unseal(key.key, one));
        if (!keep(one.name)) this.held.delete(one.name);
      } catch {
        // Damaged: it was lost before.
      }
    }
  }

  private enqueue(name: string, value: unknown, isLasting: boolean): Promise<void> {
    if (this.isGone) return Promise.reject(new Gone());
    const before = this.waiting.get(name);
    return new Promise((resolve, reject) => {
      this.waiting.set(name, {
        value,
        isLasting: isLasting || (before?.isLasting ?? false),
        done: [...(before?.done ?? []), resolve],
        failed: [...(before?.failed ?? []), reject],
      });
      void this.inTurn(() => this.flush());
    });
  }

  /** Everything that waits, in one go. */
  private async flush(): Promise<void> {
    const changes = [...this.waiting];
    if (changes.length === 0) return;
    this.waiting.clear();
    try {
      const put: Sealed[] = [];
      for (const [name, { value }] of changes) if (value !== undefined) put.push(await seal(this.key.key, name, value));
      const remove = changes.filter(([, { value }]) => value === undefined).map(([name]) => name);
      const isLasting = changes.some(([, one]) => one.isLasting);
      if (!(await this.disk.change(this.key.id, put, remove, isLasting))) {
        this.isGone = true;
        this.held.clear();
        this.onGone();
        throw new Gone();
      }
      for (const [, { done }] of changes) for (const one of done) one();
    } catch (error) {
      for (const [, { failed }] of changes) for (const one of failed) one(error);
    }
  }

  /** One after the other: nothing is sealed under a key that is being thrown away. */
  private inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.last.then(act);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

async function newKey(): Promise<KeptKey> {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  return { id: crypto.randomUUID(), key };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function seal(key: CryptoKey, name: string, value: unknown): Promise<Sealed> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  // The name is sealed with it: one thing can't be passed off as another.
  const how = { name: "AES-GCM", iv, additionalData: encoder.encode(name) };
  return { name, iv, data: await crypto.subtle.encrypt(how, key, encoder.encode(JSON.stringify(value))) };
}

async function unseal(key: CryptoKey, { name, iv, data }: Sealed): Promise<unknown> {
  const how = { name: "AES-GCM", iv, additionalData: encoder.encode(name) };
  return JSON.parse(decoder.decode(await crypto.subtle.decrypt(how, key, data)));
}

const DATABASE = "crisis-vault";
const KEYS = "keys";
const KEPT = "sealed";
const IN_USE = "in use";

/** The device's own database. Fails where the browser has none, or can't encrypt. */
export function deviceDisk(): Disk {
  const opened = new Promise<IDBDatabase>((resolve, reject) => {
    // Only pages that came over https, or from this machine, have it.
    if (globalThis.crypto?.subtle === undefined) return reject(new Error("no encryption"));
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(KEYS);
      request.result.createObjectStore(KEPT, { keyPath: "name" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("indexedDB"));
  });
  opened.catch(() => undefined);
  async function run<T>(mode: IDBTransactionMode, durability: IDBTransactionDurability, act: (keys: IDBObjectStore, kept: IDBObjectStore) => () => T): Promise<T> {
    const transaction = (await opened).transaction([KEYS, KEPT], mode, { durability });
    const result = act(transaction.objectStore(KEYS), transaction.objectStore(KEPT));
    return new Promise((resolve, reject) => {
      // Only a transaction that is complete is on the disk.
      transaction.oncomplete = () => resolve(result());
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    });
  }
  return {
    load: () =>
      run("readonly", "default", (keys, kept) => {
        const key = keys.get(IN_USE) as IDBRequest<KeptKey | undefined>;
        const sealed = kept.getAll() as IDBRequest<Sealed[]>;
        return () => ({ key: key.result ?? null, sealed: sealed.result });
      }),
    change: (keyId, put, remove, isLasting) =>
      run("readwrite", isLasting ? "strict" : "relaxed", (keys, kept) => {
        let isOurs = false;
        const asked = keys.get(IN_USE) as IDBRequest<KeptKey | undefined>;
        asked.onsuccess = () => {
          isOurs = asked.result?.id === keyId;
          if (!isOurs) return;
          for (const one of put) kept.put(one);
          for (const name of remove) kept.delete(name);
        };
        return () => isOurs;
      }),
    replace: (key, sealed) =>
      run("readwrite", "strict", (keys, kept) => {
        keys.clear();
        kept.clear();
        if (key !== null) keys.put(key, IN_USE);
        for (const one of sealed) kept.put(one);
        return () => undefined;
      }),
  };
}

/** Throw away whatever was kept in this browser, whoever kept it. */
export async function forgetDevice(): Promise<void> {
  await deviceDisk().replace(null, []).catch(() => undefined);
}

/** A disk that forgets: for devices that refuse to keep anything, and for tests. */
export function memoryDisk(): Disk & { readonly sealed: Map<string, Sealed> } {
  let key: KeptKey | null = null;
  const sealed = new Map<string, Sealed>();
  return {
    sealed,
    load: () => Promise.resolve({ key, sealed: [...sealed.values()] }),
    change: (keyId, put, remove) => {
      if (key?.id !== keyId) return Promise.resolve(false);
      for (const one of put) sealed.set(one.name, one);
      for (const name of remove) sealed.delete(name);
      return Promise.resolve(true);
    },
    replace: (made, rest) => {
      key = made;
      sealed.clear();
      for (const one of rest) sealed.set(one.name, one);
      return Promise.resolve();
    },
  };
}

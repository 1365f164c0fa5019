import assert from "node:assert/strict";
import { test } from "node:test";
import { Gone, memoryDisk, Vault, type Disk } from "../src/vault.ts";

const CANARY = "Zyxwora Canary, fentanyl";

function readable(disk: ReturnType<typeof memoryDisk>): string {
  const all = [...disk.sealed.values()].map((one) => Buffer.from(one.data));
  return Buffer.concat(all).toString("latin1") + Buffer.concat(all).toString("utf16le");
}

test("what is kept is there again, and not readable where it lies", async () => {
  const disk = memoryDisk();
  const vault = await Vault.open(disk);
  await vault.write("note", { text: CANARY });
  assert.equal(readable(disk).includes("Canary"), false);
  const again = await Vault.open(disk);
  assert.deepEqual(again.read("note"), { text: CANARY });
});

test("the key can't be read out", async () => {
  const disk = memoryDisk();
  await Vault.open(disk);
  const { key } = await disk.load();
  assert.ok(key !== null && !key.key.extractable);
  await assert.rejects(crypto.subtle.exportKey("raw", key.key));
});

test("what was forgotten is gone, and what was to stay lies under another key", async () => {
  const disk = memoryDisk();
  const vault = await Vault.open(disk);
  await vault.write("note", CANARY);
  await vault.write("entry/1", "not sent yet");
  const before = await disk.load();
  const old = disk.sealed.get("entry/1");
  await vault.forget((name) => name.startsWith("entry/"));
  const after = await disk.load();
  assert.notEqual(after.key?.id, before.key?.id);
  assert.deepEqual([...disk.sealed.keys()], ["entry/1"]);
  assert.notDeepEqual(disk.sealed.get("entry/1")?.data, old?.data);
  const again = await Vault.open(disk);
  assert.deepEqual([again.read("note"), again.read("entry/1")], [null, "not sent yet"]);
});

test("what was on its way to the disk when everything was forgotten never gets there", async () => {
  const disk = memoryDisk();
  const vault = await Vault.open(disk);
  const writing = vault.write("note", CANARY);
  await Promise.all([vault.forget(), writing]);
  assert.deepEqual([...disk.sealed.keys()], []);
  await vault.write("note", "of the next shift");
  assert.equal((await Vault.open(disk)).read("note"), "of the next shift");
});

test("another page that still holds what was forgotten writes nothing of it back", async () => {
  const disk = memoryDisk();
  const [one, other] = [await Vault.open(disk), await Vault.open(disk)];
  let isTold = false;
  other.onGone = () => (isTold = true);
  await other.write("note", CANARY);
  await one.forget();
  await assert.rejects(other.write("note", CANARY), Gone);
  assert.ok(isTold);
  assert.equal(other.read("note"), null);
  assert.deepEqual([...disk.sealed.keys()], []);
});

test("of several values under one name the newest is written, and all who wait are told", async () => {
  const disk = memoryDisk();
  let writes = 0;
  const counting: Disk = { ...disk, change: (...given) => (writes++, disk.change(...given)) };
  const vault = await Vault.open(counting);
  await Promise.all([1, 2, 3, 4].map((n) => vault.write("picture", n)));
  assert.equal((await Vault.open(disk)).read("picture"), 4);
  assert.ok(writes < 4);
});

test("a damaged thing costs nothing but itself, and one can't stand in for another", async () => {
  const disk = memoryDisk();
  const vault = await Vault.open(disk);
  await vault.write("a", 1);
  await vault.write("b", 2);
  await vault.write("c", 3);
  const [a, b] = [disk.sealed.get("a"), disk.sealed.get("b")];
  assert.ok(a && b);
  disk.sealed.set("a", { ...a, data: a.data.slice(1) });
  disk.sealed.set("b", { ...a, name: "b" });
  const again = await Vault.open(disk);
  assert.deepEqual([again.read("a"), again.read("b"), again.read("c")], [null, null, 3]);
});

test("a device that can't write says so each time", async () => {
  const disk = memoryDisk();
  const vault = await Vault.open({ ...disk, change: () => Promise.reject(new Error("full")) });
  await assert.rejects(vault.write("a", 1));
  await assert.rejects(vault.write("a", 2));
});

test("what another page kept meanwhile and that is to stay, stays", async () => {
  const disk = memoryDisk();
  const [one, other] = [await Vault.open(disk), await Vault.open(disk)];
  await other.write("entry/2", "not sent yet");
  await other.write("note", CANARY);
  await one.forget((name) => name.startsWith("entry/"));
  assert.deepEqual([...disk.sealed.keys()], ["entry/2"]);
  assert.equal((await Vault.open(disk)).read("entry/2"), "not sent yet");
});

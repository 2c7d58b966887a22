// SPDX-License-Identifier: Apache-2.0
// The operations that are killed half-way: each prepares a database of its own, begins, and can say
// afterwards whether what is there is absent or complete, and what was acknowledged is complete.
import type { Database, Json } from "../../e2e/harness/api.ts";
import type { Howdah } from "../../e2e/harness/howdah.ts";
import { sleep, until } from "../../e2e/harness/run.ts";
import { query, refusal } from "../../e2e/harness/sql.ts";
import { askNode, instancesFolder, namesIn, readNode } from "./sources.ts";

export type OperationName =
  | "create"
  | "create of another size"
  | "delete"
  | "undelete"
  | "purge"
  | "suspend"
  | "wake"
  | "pause"
  | "resume"
  | "firewall add"
  | "firewall remove"
  | "key revoke"
  | "rotate password";

/** One prepared operation on one database (or key). */
export interface Operation {
  name: OperationName;
  /** Rejects where the caller got no answer or an error: then it may have happened or not. */
  begin(): Promise<void>;
  /** What is wrong when all is quiet again. acknowledged: begin() had succeeded. */
  judge(acknowledged: boolean): Promise<string[]>;
  /** The data directory's instance, when there is one before. */
  instance?: string;
  clean(): Promise<void>;
}

const ROW = 42;

class Subject {
  readonly howdah: Howdah;
  readonly made: Database;

  constructor(howdah: Howdah, made: Database) {
    this.howdah = howdah;
    this.made = made;
  }

  static async make(howdah: Howdah, fields: Record<string, unknown> = {}): Promise<Subject> {
    const made = await howdah.api.createDatabase({
      suspendAfterSeconds: 0,
      ...fields,
    });
    await query(howdah, made, `CREATE TABLE t AS SELECT ${ROW} AS n`);
    return new Subject(howdah, made);
  }

  get path(): string {
    return `/api/databases/${this.made.id}`;
  }

  get api() {
    return this.howdah.api;
  }

  async call(status: number, method: string, suffix: string, body?: unknown): Promise<Json> {
    return this.api.expect(status, method, `${this.path}${suffix}`, { body });
  }

  /** active paused deleted gone */
  async status(): Promise<string> {
    const reply = await this.api.call("GET", this.path);
    if (reply.status === 404) return "gone";
    if (reply.status === 410) return "deleted";
    const { status } = reply.data as { status: string };
    return status === "suspended" ? "active" : status;
  }

  async instanceId(): Promise<string> {
    const slug = this.made.database_name.replace("tenant_", "");
    const found = (await readNode(this.howdah)).find((instance) => instance.slug === slug);
    return found?.id ?? "";
  }

  /** Clients must see what the catalog says. */
  async answersAs(status: string): Promise<string[]> {
    const asked = query<{ n: number }>(this.howdah, this.made, "SELECT n FROM t");
    if (status === "active") {
      try {
        const [row] = await asked;
        return row?.n === ROW ? [] : ["its row is lost"];
      } catch (error) {
        return [`it is active and refuses: ${(error as Error).message}`];
      }
    }
    try {
      const { code } = await refusal(asked);
      const wanted = status === "paused" ? ["57P03"] : ["3D000", "28P01"];
      return wanted.includes(code) ? [] : [`it is ${status} and refuses with ${code}`];
    } catch {
      return [`it is ${status} and answers`];
    }
  }

  async remove(): Promise<void> {
    const confirm = encodeURIComponent(this.made.friendly_name);
    const gone = [200, 202, 404];
    const target = `${this.path}?purge=true&confirm=${confirm}`;
    const reply = await this.api.call("DELETE", target);
    if (!gone.includes(reply.status)) throw new Error(`purge: ${JSON.stringify(reply.body)}`);
  }
}

/** An operation that brings a database from one status to another, and has no other outcome. */
function transition(
  name: OperationName,
  subject: Subject,
  statuses: { before: string; after: string },
  begin: () => Promise<void>,
): Operation {
  return {
    name,
    begin,
    async judge(acknowledged) {
      const status = await subject.status();
      const allowed = acknowledged ? [statuses.after] : [statuses.before, statuses.after];
      const faults = await subject.answersAs(status);
      if (!allowed.includes(status)) faults.push(`it is ${status}`);
      return faults.map((fault) => `${name}: ${fault}`);
    },
    clean: () => subject.remove(),
  };
}

async function prepareCreate(howdah: Howdah, name: OperationName): Promise<Operation> {
  const friendlyName = `made ${Math.random().toString(36).slice(2)}`;
  // Another size than the spare's: the instance is started anew half-way.
  const sizeClass = name === "create" ? undefined : "medium";
  let acknowledgedAs: Database | undefined;
  const find = async (): Promise<Json> => {
    const list = await howdah.api.expect(200, "GET", "/api/databases");
    return (list.data as Json[]).find((one) => one.friendly_name === friendlyName);
  };
  return {
    name,
    async begin() {
      acknowledgedAs = await howdah.api.createDatabase({
        friendlyName,
        sizeClass,
      });
    },
    async judge(acknowledged) {
      const row = await find();
      if (!row) return acknowledged ? [`${name}: acknowledged, and it is not there`] : [];
      if (!["active", "suspended"].includes(row.status)) return [`${name}: it is ${row.status}`];
      const target = `/api/databases/${row.id}/connection-strings/reveal`;
      const { data } = await howdah.api.expect(200, "POST", target);
      const database = { ...row, password: data.password } as Database;
      const faults: string[] = [];
      if (acknowledgedAs && acknowledgedAs.password !== data.password)
        faults.push("a new password");
      try {
        await query(howdah, database, "CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS n");
      } catch (error) {
        faults.push(`it refuses: ${(error as Error).message}`);
      }
      return faults.map((fault) => `${name}: ${fault}`);
    },
    async clean() {
      const row = await find();
      if (row) await new Subject(howdah, row as Database).remove();
    },
  };
}

async function preparePurge(howdah: Howdah): Promise<Operation> {
  const subject = await Subject.make(howdah, { friendlyName: "purged" });
  const id = await subject.instanceId();
  const changes = { before: "active", after: "gone" };
  const operation = transition("purge", subject, changes, () => subject.remove());
  return {
    ...operation,
    instance: id,
    async judge(acknowledged) {
      const faults = await operation.judge(acknowledged);
      const isThere = namesIn(instancesFolder(howdah)).includes(id);
      if (isThere !== ((await subject.status()) !== "gone")) faults.push(`purge: data: ${isThere}`);
      return faults;
    },
  };
}

async function prepareFirewall(howdah: Howdah, name: OperationName): Promise<Operation> {
  const subject = await Subject.make(howdah);
  const adds = name === "firewall add";
  const rule = { ipAddress: "192.0.2.7", description: "test" };
  // Our own address stays allowed.
  await subject.call(201, "POST", "/whitelist", {
    ipAddress: "127.0.0.0/8",
    description: "us",
  });
  const first = adds ? undefined : await subject.call(201, "POST", "/whitelist", rule);
  return {
    name,
    async begin() {
      if (adds) await subject.call(201, "POST", "/whitelist", rule);
      else await subject.call(200, "DELETE", `/whitelist/${first.data.id}`);
    },
    // That the gate has the catalog's rules is looked at for every branch.
    async judge(acknowledged) {
      const { count } = await subject.call(200, "GET", "/whitelist");
      const allowed = acknowledged ? [adds ? 2 : 1] : [1, 2];
      const faults = await subject.answersAs("active");
      if (!allowed.includes(count)) faults.push(`${count} rules`);
      return faults.map((fault) => `${name}: ${fault}`);
    },
    clean: () => subject.remove(),
  };
}

async function prepareRevoke(howdah: Howdah): Promise<Operation> {
  const body = { name: "short-lived", scopes: ["read"] };
  const made = (await howdah.api.expect(201, "POST", "/api/keys", { body })).data;
  return {
    name: "key revoke",
    async begin() {
      await howdah.api.expect(200, "DELETE", `/api/keys/${made.id}`);
    },
    async judge(acknowledged) {
      const { status } = await howdah.api.call("GET", "/api/databases", {
        key: made.key,
      });
      const allowed = acknowledged ? [401] : [200, 401];
      return allowed.includes(status) ? [] : [`key revoke: the key is answered ${status}`];
    },
    async clean() {
      await howdah.api.call("DELETE", `/api/keys/${made.id}`);
    },
  };
}

async function prepareRotation(howdah: Howdah): Promise<Operation> {
  const subject = await Subject.make(howdah);
  let renewed: string | undefined;
  return {
    name: "rotate password",
    async begin() {
      renewed = (await subject.call(200, "POST", "/rotate-password")).data.password;
    },
    // The password before it is valid for a while in any case.
    async judge(acknowledged) {
      const faults = await subject.answersAs("active");
      const { data } = await subject.call(200, "POST", "/connection-strings/reveal");
      const allowed = acknowledged ? renewed : data.password;
      if (data.password !== allowed) faults.push("the newest password is not the acknowledged one");
      const asked = query(howdah, subject.made, "SELECT 1", {
        password: data.password,
      });
      await asked.catch((error: Error) => faults.push(`the newest password: ${error.message}`));
      return faults.map((fault) => `rotate password: ${fault}`);
    },
    clean: () => subject.remove(),
  };
}

/** Stopping and starting are the node's own work: no job, and no change of the wished state. */
async function prepareSleep(howdah: Howdah, name: OperationName): Promise<Operation> {
  const subject = await Subject.make(howdah);
  const id = await subject.instanceId();
  const stop = async () => {
    await askNode(howdah, "POST", `/v1/instances/${id}/stop`);
  };
  await until("no session holds it", 20_000, async () =>
    (await readNode(howdah)).some((one) => one.id === id && one.holds.length === 0),
  );
  if (name === "wake") await stop();
  const wake = async () => {
    await query(howdah, subject.made, "SELECT n FROM t");
  };
  const begin = name === "wake" ? wake : stop;
  const changes = { before: "active", after: "active" };
  return { ...transition(name, subject, changes, begin), instance: id };
}

async function prepareLifecycle(howdah: Howdah, name: OperationName): Promise<Operation> {
  const subject = await Subject.make(howdah);
  const act = async (verb: string) => {
    await subject.call(200, "POST", `/${verb}`);
  };
  const remove = () => howdah.api.deleteDatabase(subject.made.id);
  const id = await subject.instanceId();
  const make = (before: string, after: string, begin: () => Promise<void>) => ({
    ...transition(name, subject, { before, after }, begin),
    instance: id,
  });
  if (name === "pause") return make("active", "paused", () => act("pause"));
  if (name === "delete") return make("active", "deleted", remove);
  if (name === "resume") {
    await act("pause");
    return make("paused", "active", () => act("resume"));
  }
  await remove();
  return make("deleted", "active", () => act("undelete"));
}

type Preparation = (howdah: Howdah, name: OperationName) => Promise<Operation>;

const PREPARATIONS: Record<OperationName, Preparation> = {
  create: prepareCreate,
  "create of another size": prepareCreate,
  delete: prepareLifecycle,
  undelete: prepareLifecycle,
  purge: preparePurge,
  suspend: prepareSleep,
  wake: prepareSleep,
  pause: prepareLifecycle,
  resume: prepareLifecycle,
  "firewall add": prepareFirewall,
  "firewall remove": prepareFirewall,
  "key revoke": prepareRevoke,
  "rotate password": prepareRotation,
};

export const OPERATIONS = Object.keys(PREPARATIONS) as OperationName[];

export function prepare(howdah: Howdah, name: OperationName): Promise<Operation> {
  return PREPARATIONS[name](howdah, name);
}

/** How long it takes undisturbed, in milliseconds. */
export async function measure(howdah: Howdah, name: OperationName): Promise<number> {
  const operation = await prepare(howdah, name);
  await sleep(100);
  const begun = performance.now();
  await operation.begin();
  const ms = performance.now() - begun;
  const faults = await operation.judge(true);
  if (faults.length > 0) throw new Error(`without any kill: ${faults.join("; ")}`);
  await operation.clean();
  return ms;
}

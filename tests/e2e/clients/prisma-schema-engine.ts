// SPDX-License-Identifier: Apache-2.0
// Prisma's schema engine for `prisma migrate`, from npm alone: the same engine that the CLI would
// fetch as a binary, in its WebAssembly form, behind the binary's interface (JSON-RPC by lines).
// node-postgres carries its SQL, so the engine's URLs are put into node-postgres' words here.
import type { EventEmitter } from "node:events";
import fs from "node:fs";
import readline from "node:readline";
import { parseArgs } from "node:util";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

const { values, positionals } = parseArgs({
  options: {
    datamodels: { type: "string", multiple: true },
    datasource: { type: "string" },
    "extension-types": { type: "string" },
  },
  allowPositionals: true,
});
const datasource = JSON.parse(values.datasource ?? "{}") as {
  url: string;
  shadowDatabaseUrl?: string;
};

const QUOTED_CHAR = 18;
const BPCHAR = 1042;

/** The adapter knows no "char", which the engine reads from the catalogue of the server. */
class CatalogClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const { connection } = this as unknown as { connection: EventEmitter };
    connection.prependListener("rowDescription", ({ fields }: { fields: pg.FieldDef[] }) => {
      for (const field of fields) {
        if (field.dataTypeID === QUOTED_CHAR) field.dataTypeID = BPCHAR;
      }
    });
  }
}

/** The engine's sslcert is the CA; sslaccept=strict verifies it and the host's name. */
function adapter(text: string): PrismaPg {
  const url = new URL(text);
  const { sslmode, sslaccept, sslcert } = Object.fromEntries(url.searchParams);
  if (sslmode !== "require" || sslaccept !== "strict") throw new Error(`not verified: ${text}`);
  url.search = "";
  const ssl = { ca: fs.readFileSync(sslcert!, "utf8") };
  const pool = new pg.Pool({ connectionString: url.href, ssl, Client: CatalogClient });
  return new PrismaPg(pool, { disposeExternalPool: true });
}

class Adapter extends PrismaPg {
  // PrismaPg would make a database of its own; the engine's binary empties that of the shadow URL.
  override async connectToShadowDb() {
    if (!datasource.shadowDatabaseUrl) throw new Error("no shadow database URL");
    const shadow = await adapter(datasource.shadowDatabaseUrl).connect();
    await shadow.executeScript("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    return shadow;
  }
}

async function canConnect(): Promise<void> {
  const connection = await adapter(datasource.url).connect();
  await connection.executeScript("SELECT 1");
  await connection.dispose();
}

async function makeEngine(): Promise<SchemaEngine> {
  const main = adapter(datasource.url);
  const factory = Object.assign(new Adapter({}), { connect: () => main.connect() });
  const datamodels = (values.datamodels ?? []).map((file): [string, string] => [
    file,
    fs.readFileSync(file, "utf8"),
  ]);
  const log = (text: string) => process.stderr.write(`${text}\n`);
  return SchemaEngine.new({ datamodels }, log, bindMigrationAwareSqlAdapterFactory(factory));
}

interface Request {
  id: number;
  method: string;
  params?: unknown;
}

async function answer(engine: SchemaEngine, { method, params }: Request): Promise<unknown> {
  if (method === "getDatabaseVersion") return engine.version();
  type Call = (params: unknown) => Promise<unknown>;
  const call = (engine as unknown as Record<string, Call>)[method];
  if (!call) throw new Error(`the WebAssembly engine has no ${method}`);
  return (await call.call(engine, params)) ?? {};
}

async function serve(): Promise<void> {
  const engine = await makeEngine();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    const reply = await answer(engine, request).then(
      (result) => ({ result }),
      ({ message, code }) => ({
        error: { code: 4466, message, data: { is_panic: false, message, error_code: code } },
      }),
    );
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: request.id, ...reply })}\n`);
  }
  process.exit();
}

try {
  if (positionals[0] === "cli") await canConnect();
  else await serve();
} catch (error) {
  const log = (level: string, fields: object) =>
    process.stderr.write(`${JSON.stringify({ level, target: "schema_engine::logger", fields })}\n`);
  log("INFO", { message: "the CLI passes over the first line" });
  log("ERROR", { message: String(error), error_code: "P1001" });
  process.exit(1);
}

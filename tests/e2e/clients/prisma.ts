// SPDX-License-Identifier: Apache-2.0
// Prisma's command line makes the migrations (dev, with the shadow database), then applies them
// (deploy); its client does the rest. Each file of the snippet is where the snippet says.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as s from "./scenario.ts";

const folder = path.dirname(process.env.HOWDAH_SNIPPET!);
const E2E = path.resolve(import.meta.dirname, "..");
const SCHEMA = "prisma/schema.prisma";
const GENERATOR = `
generator client {
  provider            = "prisma-client"
  output              = "../generated/prisma"
  importFileExtension = "ts"
}
`;
const modelWith = (more: string) => `
model Thing {
  id   Int     @id @default(autoincrement())
  name String  @unique
  body String?
  blob Bytes?
  ${more}
  @@map("things")
}
`;

/** The snippet's parts by their headings: "# .env", "// prisma.config.ts" and so on. */
function parts(text: string): Record<string, string> {
  const found = text.split(/^(?:#|\/\/) ((?:\S*\/)?[\w.]*\.(?:env|ts|prisma))$/m).slice(1);
  return Object.fromEntries(found.flatMap((name, i) => (i % 2 ? [] : [[name, found[i + 1]!]])));
}

function write(name: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
}

const engine = path.join(folder, "schema-engine");
function prisma(...args: string[]): void {
  execFileSync(process.execPath, [path.join(E2E, "node_modules/prisma/build/index.js"), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: engine,
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const files = parts(fs.readFileSync(process.env.HOWDAH_SNIPPET!, "utf8"));
for (const [name, text] of Object.entries(files)) write(name, text);
const datasource = files[SCHEMA]!;
const shim = path.join(import.meta.dirname, "prisma-schema-engine.ts");
const node = `"${process.execPath}" --disable-warning=ExperimentalWarning`;
fs.writeFileSync(engine, `#!/bin/sh\nexec ${node} "${shim}" "$@"\n`, { mode: 0o755 });
process.loadEnvFile(path.join(folder, ".env"));
// biome-ignore lint/suspicious/noExplicitAny: generated below
let db: any;

async function migrate(): Promise<void> {
  write(SCHEMA, datasource + GENERATOR + modelWith(""));
  prisma("migrate", "dev", "--name", "things");
  write(SCHEMA, datasource + GENERATOR + modelWith('note String @default("none")'));
  // --create-only compares by the shadow database and leaves the rest to deploy.
  prisma("migrate", "dev", "--name", "note", "--create-only");
  prisma("migrate", "deploy");
  prisma("generate");
  const { PrismaClient } = await import(
    pathToFileURL(path.join(folder, "generated/prisma/client.ts")).href
  );
  write("db.mjs", `${files["db.ts"]}\nexport { adapter };\n`);
  const { adapter } = await import(pathToFileURL(path.join(folder, "db.mjs")).href);
  db = new PrismaClient({ adapter });
}

await s.scenario({
  migrate,
  database: async () => (await db.$queryRaw`SELECT current_database()::text AS name`)[0].name,
  insertEach: (names) => db.$transaction(names.map((name) => db.thing.create({ data: { name } }))),
  insertBatch: (names) => db.thing.createMany({ data: names.map((name) => ({ name })) }),
  insertBig: (name, big) => db.thing.create({ data: { name, ...big } }),
  readBig: (name) => db.thing.findUniqueOrThrow({ where: { name } }),
  count: (prefix) => db.thing.count({ where: { name: { startsWith: `${prefix}-` } } }),
  cancelled: () =>
    s.cancelling(
      () => db.$executeRawUnsafe(s.SLEEP),
      () => db.$queryRawUnsafe(s.CANCEL_SLEEP),
    ),
  close: () => db.$disconnect(),
});

// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's protocol byte by byte, for clients that do what no driver does.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";

export const PROTOCOL_3 = 196608;
export const SSL_REQUEST = 80877103;

export interface Message {
  type: string;
  body: Buffer;
}

/** How an attempt ended. Anything but "accepted" keeps the client out. */
export type Outcome = "accepted" | "refused" | "closed" | "silent";

/** A start-up packet of any kind; length: a wrong one. */
export function packet(code: number, rest: Buffer = Buffer.alloc(0), length?: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE((length ?? 8 + rest.length) >>> 0, 0);
  head.writeUInt32BE(code >>> 0, 4);
  return Buffer.concat([head, rest]);
}

export function startup(parameters: [string, string][]): Buffer {
  const text = parameters.map(([name, value]) => `${name}\0${value}\0`).join("");
  return packet(PROTOCOL_3, Buffer.from(`${text}\0`));
}

/** A message with a type; length: a wrong one. */
export function message(type: string, body: Buffer, length?: number): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE((length ?? 4 + body.length) >>> 0, 1);
  return Buffer.concat([head, body]);
}

export class Wire {
  private socket: net.Socket;
  private buffer = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.listen();
  }

  private listen(): void {
    this.socket.on("data", (block) => {
      this.buffer = Buffer.concat([this.buffer, block]);
      this.wake();
    });
    for (const event of ["end", "close", "error"]) {
      this.socket.on(event, () => {
        this.ended = true;
        this.wake();
      });
    }
  }

  /** localAddress: where it seems to come from. */
  static async open(host: string, port: number, localAddress?: string): Promise<Wire> {
    const socket = net.connect({ port, host, localAddress });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Wire(socket);
  }

  send(bytes: Buffer): void {
    if (!this.ended) this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  /** SSLRequest and handshake. False: the gate did not want to. */
  async secure(servername = "localhost"): Promise<boolean> {
    this.send(packet(SSL_REQUEST));
    const answer = await this.take(1);
    if (answer?.toString() !== "S") return false;
    this.socket.removeAllListeners();
    const secured = tls.connect({ socket: this.socket, servername, rejectUnauthorized: false });
    const ready = await new Promise<boolean>((resolve) => {
      secured.once("secureConnect", () => resolve(true));
      secured.once("error", () => resolve(false));
      secured.once("close", () => resolve(false));
    });
    this.socket = secured;
    this.listen();
    return ready;
  }

  /** tls-server-end-point of the gate's certificate. */
  binding(): Buffer {
    const { raw } = (this.socket as tls.TLSSocket).getPeerCertificate();
    return createHash("sha256").update(raw).digest();
  }

  /** Exactly so many bytes; null: it ended, undefined: it says nothing. */
  private async take(size: number): Promise<Buffer | null | undefined> {
    const end = performance.now() + 4_000;
    while (this.buffer.length < size) {
      if (this.ended) return null;
      const left = end - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const taken = this.buffer.subarray(0, size);
    this.buffer = this.buffer.subarray(size);
    return taken;
  }

  async read(): Promise<Message | null | undefined> {
    const head = await this.take(5);
    if (!head) return head;
    const body = await this.take(head.readUInt32BE(1) - 4);
    if (!body) return body;
    return { type: head.toString("latin1", 0, 1), body };
  }

  /** Reads to the end of the authentication, whatever that is. */
  async outcome(): Promise<Outcome> {
    for (;;) {
      const next = await this.read();
      if (next === null) return "closed";
      if (next === undefined) return "silent";
      if (next.type === "E") return "refused";
      // SASLFinal or Ok: the gate has taken the proof.
      if (next.type === "R" && [0, 12].includes(next.body.readUInt32BE(0))) return "accepted";
      if (next.type === "Z") return "accepted";
    }
  }
}

/** What a SCRAM exchange does differently from a right one. */
export interface Tamper {
  mechanism?: string;
  gs2?: string;
  user?: string;
  binding?: Buffer;
  nonce?: string;
  first?: (text: string) => string;
  firstLength?: number;
  finalNonce?: (nonce: string) => string;
  final?: (text: string) => string;
  proof?: (proof: Buffer) => Buffer;
  /** In place of the client-final message. */
  instead?: Buffer;
  /** Before the client-final message. */
  before?: Buffer;
}

export interface Challenge {
  nonce: string;
  salt: Buffer;
  iterations: number;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]!));
}

export function initialResponse(mechanism: string, first: string, length?: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE((length ?? Buffer.byteLength(first)) >>> 0, 0);
  return message("p", Buffer.concat([Buffer.from(`${mechanism}\0`), size, Buffer.from(first)]));
}

/** SCRAM after a start-up message: right, but for what `tamper` says. */
export async function prove(wire: Wire, password: string, tamper: Tamper = {}): Promise<Outcome> {
  const request = await wire.read();
  if (!request) return request === null ? "closed" : "silent";
  if (request.type !== "R" || request.body.readUInt32BE(0) !== 10) {
    return request.type === "R" && request.body.readUInt32BE(0) === 0 ? "accepted" : "refused";
  }
  const gs2 = tamper.gs2 ?? "n,,";
  const nonce = tamper.nonce ?? randomBytes(18).toString("base64");
  const bare = `n=${tamper.user ?? ""},r=${nonce}`;
  const first = tamper.first ? tamper.first(gs2 + bare) : gs2 + bare;
  wire.send(initialResponse(tamper.mechanism ?? "SCRAM-SHA-256", first, tamper.firstLength));
  const reply = await wire.read();
  if (!reply) return reply === null ? "closed" : "silent";
  if (reply.type !== "R" || reply.body.readUInt32BE(0) !== 11) {
    return reply.type === "R" ? "accepted" : "refused";
  }
  const challenge = reply.body.toString("utf8", 4);
  const [, theirs, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge)!;
  const salted = pbkdf2Sync(
    password,
    Buffer.from(salt!, "base64"),
    Number(iterations),
    32,
    "sha256",
  );
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const bound = Buffer.concat([Buffer.from(gs2), tamper.binding ?? Buffer.alloc(0)]);
  const answered = tamper.finalNonce ? tamper.finalNonce(theirs!) : theirs!;
  const withoutProof = `c=${bound.toString("base64")},r=${answered}`;
  const authMessage = `${bare},${challenge},${withoutProof}`;
  let proof = xor(clientKey, hmac(storedKey, authMessage));
  if (tamper.proof) proof = tamper.proof(proof);
  const final = `${withoutProof},p=${proof.toString("base64")}`;
  if (tamper.before) wire.send(tamper.before);
  const sent = tamper.final ? tamper.final(final) : final;
  wire.send(tamper.instead ?? message("p", Buffer.from(sent)));
  return wire.outcome();
}

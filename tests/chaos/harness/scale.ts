// SPDX-License-Identifier: Apache-2.0
// How much a run does, and its randomness. tests/chaos/run sets both.

const SCALE = process.env.HOWDAH_CHAOS_SCALE ?? "short";
export const IS_FULL = SCALE === "full";
export const SEED = Number(process.env.HOWDAH_CHAOS_SEED ?? Date.now() % 1_000_000_000);

/** The first in ./test, the second where promises are measured. */
export function scaled<T>(short: T, full: T): T {
  return IS_FULL ? full : short;
}

/** Reproducible by its seed, and no more than that (mulberry32). */
export class Random {
  private state: number;

  constructor(seed = SEED) {
    this.state = seed >>> 0;
  }

  /** 0 <= x < 1 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, 0 <= x < end. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error("nothing to choose from");
    return from[this.below(from.length)]!;
  }

  shuffled<T>(from: readonly T[]): T[] {
    const mixed = [...from];
    for (let i = mixed.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      [mixed[i], mixed[other]] = [mixed[other]!, mixed[i]!];
    }
    return mixed;
  }
}

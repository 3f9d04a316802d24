// A language model of the oldest kind: which word follows which words how often, counted in a
// text. Small as it is, it is a real one: it is loaded from a file, it answers with what it
// has learned, and it makes vectors of texts.
import { createHash } from 'node:crypto';

const words = /\s*[\p{L}\p{N}'’]+|\s*[^\s\p{L}\p{N}]/gu; // with the space before them

/** The words of a text. */
export const split = (text) => text.match(words) ?? [];

const fold = (word) => word.trim().toLowerCase();

export class Model {
  /** @type {Map<string, Map<string, number>>} words that follow some words in front */
  #follow = new Map();
  /** @type {Map<string, number>} how often a word comes */
  #count = new Map();
  #total = 0;
  #front = [];
  #rest = '';

  /** @param {number} order how many words in front of a word count for it */
  constructor(order) {
    this.order = order;
  }

  /** Learns the next piece of the text, but for its last word, which may go on in the next piece. */
  learn(piece, last = false) {
    const all = split(this.#rest + piece);
    this.#rest = last ? '' : (all.pop() ?? '');
    for (const word of all) this.#learn(word);
  }

  #learn(word) {
    for (let n = 0; n <= this.#front.length; n++) {
      const key = this.#front.slice(n).join(' ');
      const next = this.#follow.get(key) ?? this.#follow.set(key, new Map()).get(key);
      next.set(word, (next.get(word) ?? 0) + 1);
    }
    const folded = fold(word);
    this.#count.set(folded, (this.#count.get(folded) ?? 0) + 1);
    this.#total++;
    this.#front.push(folded);
    if (this.#front.length > this.order) this.#front.shift();
  }

  get empty() {
    return this.#total === 0;
  }

  /**
   * The word that follows a text: after as many of its last words as the model has seen.
   * @param {string[]} before words
   * @param {number} temperature 0 takes the most frequent one
   * @param {() => number} random from 0 to 1
   */
  next(before, temperature, random) {
    const front = before.slice(-this.order).map(fold);
    for (let n = 0; ; n++) {
      const next = this.#follow.get(front.slice(n).join(' '));
      if (next) return choose([...next], temperature, random);
    }
  }

  /** A vector of a text: the directions of its words, the rarer the longer, added up to length 1. */
  embed(text, dimensions) {
    const sum = new Float64Array(dimensions);
    for (const word of split(text).map(fold)) {
      const weight = Math.log(1 + (this.#total + 1) / ((this.#count.get(word) ?? 0) + 1));
      const random = generator(word);
      for (let i = 0; i < dimensions; i++) sum[i] += weight * (random() - 0.5);
    }
    const length = Math.hypot(...sum) || 1;
    return Array.from(sum, (x) => x / length);
  }
}

function choose(candidates, temperature, random) {
  if (temperature === 0) return candidates.reduce((best, c) => (c[1] > best[1] ? c : best))[0];
  const weights = candidates.map(([, count]) => count ** (1 / temperature));
  let left = random() * weights.reduce((a, b) => a + b, 0);
  return candidates.find((_, i) => (left -= weights[i]) <= 0)?.[0] ?? candidates[0][0];
}

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function generator(seed) {
  let a = createHash('sha256').update(String(seed)).digest().readUInt32LE();
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

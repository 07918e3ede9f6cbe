// A seeded generator: the same seed gives the same ids and the same faults. (mulberry32)
export class Random {
    constructor(seed) {
        this.seed = seed >>> 0
        this.state = this.seed
    }

    /** in [0, 1) */
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0
        let t = this.state
        t = Math.imul(t ^ (t >>> 15), t | 1)
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    }

    below(n) {
        return Math.floor(this.next() * n)
    }

    between(from, to) {
        return from + this.below(to - from + 1)
    }

    chance(p) {
        return p > 0 && this.next() < p
    }

    pick(list) {
        return list[this.below(list.length)]
    }

    shuffle(list) {
        for (let i = list.length - 1; i > 0; i--) {
            const j = this.below(i + 1)
            ;[list[i], list[j]] = [list[j], list[i]]
        }
        return list
    }

    word(length) {
        let text = ''
        while (text.length < length) text += LETTERS[this.below(LETTERS.length)]
        return text
    }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

// Calendar arithmetic of billing, in UTC seconds. A period is always counted from the anchor, never from the period before: 31 Jan, 28 Feb, 31 Mar.
export const MINUTE = 60
export const HOUR = 3600
export const DAY = 86400

const FIXED = { day: DAY, week: 7 * DAY }

/** n intervals after the anchor; the day is that of the anchor, or the month's last */
export function after(anchor, interval, count, n) {
    if (FIXED[interval]) return anchor + FIXED[interval] * count * n
    const date = new Date(anchor * 1000)
    const months = date.getUTCFullYear() * 12 + date.getUTCMonth() + n * count * (interval === 'year' ? 12 : 1)
    const year = Math.floor(months / 12)
    const month = months - year * 12
    const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
    const day = Date.UTC(year, month, Math.min(date.getUTCDate(), last)) / 1000
    return day + (((anchor % DAY) + DAY) % DAY)
}

/** The period of that anchor in which the moment lies: [start, end) */
export function periodAt(anchor, interval, count, moment) {
    const length = FIXED[interval] ?? (interval === 'year' ? 366 : 31) * DAY
    let n = Math.floor((moment - anchor) / (length * count)) - 1
    while (after(anchor, interval, count, n + 1) <= moment) n++
    return { start: after(anchor, interval, count, n), end: after(anchor, interval, count, n + 1) }
}

export const iso = seconds => new Date(seconds * 1000).toISOString()

// Numbers, times and spans as people read them. Pure: the time zone and the time are arguments.
//
// Numbers are written as the server writes them in its sentences: a thin space between thousands, a space before a unit.

const THIN = '\u202f';
const NBSP = '\u00a0';
/** Stands where nothing is known. */
export const NONE = '–';

/** A number with up to so many decimals and thin spaces: 1 234.5. */
export function decimal(value: number | null | undefined, decimals = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const fixed = Math.abs(value) >= 1e15 ? value.toExponential(1) : value.toFixed(decimals);
  const [whole = '', rest] = fixed.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
  const trimmed = rest?.includes('e') ? rest : rest?.replace(/0+$/, '');
  return (trimmed ? `${grouped}.${trimmed}` : grouped).replace(/^-(?=[0.]*$)/, '').replace(/^-/, '−');
}

/** A whole number. */
export const count = (value: number | null | undefined): string => decimal(value, 0);

/** A large number in four characters or so: 12.3 k, 4.5 M. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  for (const [size, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const) {
    if (Math.abs(value) >= size) return `${decimal(value / (unit === 'k' ? 1e3 : size), 1)}${NBSP}${unit}`;
  }
  return decimal(value, 0);
}

/** A share in percent; small ones get more decimals, so that 0.003 % is not 0 %. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  const decimals = size === 0 || size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 4;
  return `${decimal(value, decimals)}${NBSP}%`;
}

/** A share in units of 1/100 000, in percent. */
export const share = (units: number | null | undefined): string => percent(units == null ? null : units / 1000);

/** A time in ms, with the unit that fits. */
export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (Math.abs(value) >= 10_000) return `${decimal(value / 1000, 1)}${NBSP}s`;
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return `${decimal(value, decimals)}${NBSP}ms`;
}

/** A value in the unit of its metric. */
export const withUnit = (value: number | null | undefined, unit: string): string =>
  value == null ? NONE : unit === '' ? decimal(value, 2) : `${decimal(value, 2)}${NBSP}${unit}`;

/** A span in seconds: 8 s, 4 min 05 s, 2 h 10 min, 3 d 4 h. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  if (s < 60) return `${s}${NBSP}s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60}${NBSP}min` : `${Math.floor(s / 60)}${NBSP}min ${two(s % 60)}${NBSP}s`;
  const [h, min] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  if (h < 48) return min === 0 ? `${h}${NBSP}h` : `${h}${NBSP}h ${two(min)}${NBSP}min`;
  return h % 24 === 0 ? `${h / 24}${NBSP}d` : `${Math.floor(h / 24)}${NBSP}d ${h % 24}${NBSP}h`;
}

/** How long ago, seconds: "just now", "12 s ago". */
export const ago = (seconds: number): string => (seconds < 2 ? 'just now' : `${span(seconds)} ago`);

/** Evidence against the canary as odds: 17 855 : 1. */
export function odds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 0.1) return `below${NBSP}0.1${NBSP}:${NBSP}1`;
  const shown = value >= 1e6 ? `10${superscript(Math.floor(Math.log10(value)))}` : decimal(value, value < 10 ? 1 : 0);
  return `${shown}${NBSP}:${NBSP}1`;
}

const superscript = (n: number): string => [...String(n)].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]).join('');

/** Where a time is shown: the viewer's zone, or UTC. */
export type Zone = 'local' | 'UTC';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(key: string, zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${key} ${zone}`;
  let found = formats.get(name);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', { ...options, ...(zone === 'UTC' && { timeZone: 'UTC' }) });
    formats.set(name, found);
  }
  return found;
}

/** The time of day: 12:03:07. */
export function clock(ms: number, zone: Zone): string {
  return format('clock', zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
}

/** Day and time: 28 Nov, 12:03. The year stands where it is not that of `now`. */
export function dayTime(ms: number, zone: Zone, now: number): string {
  const year = (t: number) => format('year', zone, { year: 'numeric' }).format(t);
  const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  return year(ms) === year(now) ? format('day', zone, options).format(ms) : format('daylong', zone, { ...options, year: 'numeric' }).format(ms);
}

/** The whole of a time, with its zone, for titles and screen readers. */
export function fullTime(ms: number, zone: Zone): string {
  return format('full', zone, { dateStyle: 'full', timeStyle: 'long' }).format(ms);
}

/** The zone by name and offset: Europe/Berlin (UTC+1). */
export function zoneName(zone: Zone, ms: number): string {
  if (zone === 'UTC') return 'UTC';
  const name = new Intl.DateTimeFormat('en-GB').resolvedOptions().timeZone;
  const part = format('offset', zone, { timeZoneName: 'shortOffset' }).formatToParts(ms).find((p) => p.type === 'timeZoneName');
  const offset = part?.value.replace('GMT', 'UTC') ?? '';
  return offset === '' || name === 'UTC' || name === offset ? name : `${name} (${offset})`;
}

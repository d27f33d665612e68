import { describe, expect, it } from 'vitest';
import { ago, clock, count, dayTime, decimal, millis, odds, percent, share, short, span, withUnit, zoneName } from '../src/lib/format';

/** With plain spaces, so that the cases can be read. */
const plain = (text: string) => text.replace(/[\u202f\u00a0]/g, ' ');

describe('numbers', () => {
  const cases: [string, string][] = [
    [count(1234567), '1 234 567'],
    [decimal(1234.56, 1), '1 234.6'],
    [decimal(100, 1), '100'],
    [decimal(-0.04, 1), '0'],
    [decimal(-5.5, 1), '−5.5'],
    [decimal(null), '–'],
    [decimal(Infinity), '–'],
    [percent(0.003), '0.003 %'],
    [percent(0.00012), '0.0001 %'],
    [percent(0), '0 %'],
    [percent(25), '25 %'],
    [share(25_000), '25 %'],
    [share(1), '0.001 %'],
    [short(123_456), '123.5 k'],
    [short(1_500_000), '1.5 M'],
    [short(9_999), '9 999'],
    [millis(0.25), '0.25 ms'],
    [millis(43.21), '43.2 ms'],
    [millis(1234.5), '1 235 ms'],
    [millis(12_000), '12 s'],
    [withUnit(12.345, 'EUR'), '12.35 EUR'],
    [withUnit(null, 'EUR'), '–'],
  ];
  it.each(cases)('%s', (got, want) => expect(plain(got)).toBe(want));
});

describe('spans', () => {
  const cases: [number, string][] = [
    [0, '0 s'], [-3, '0 s'], [59.4, '59 s'], [60, '1 min'], [245, '4 min 05 s'], [3600, '1 h'], [7800, '2 h 10 min'], [172_800, '2 d'], [190_000, '2 d 4 h'],
  ];
  it.each(cases)('%d s', (seconds, want) => expect(plain(span(seconds))).toBe(want));
  it('say how long ago', () => expect([plain(ago(1)), plain(ago(65))]).toEqual(['just now', '1 min 05 s ago']));
});

describe('evidence', () => {
  const cases: [number, string][] = [[0.01, 'below 0.1 : 1'], [0.24, '0.2 : 1'], [17_855.3, '17 855 : 1'], [2.5e12, '10¹² : 1']];
  it.each(cases)('%d', (value, want) => expect(plain(odds(value))).toBe(want));
});

describe('times', () => {
  const at = Date.UTC(2026, 0, 31, 22, 3, 7);
  it('are of the day, in UTC when asked for', () => {
    expect(clock(at, 'UTC')).toBe('22:03:07');
    expect(dayTime(at, 'UTC', at)).toBe('31 Jan, 22:03');
    expect(dayTime(at, 'UTC', Date.UTC(2027, 5, 1))).toBe('31 Jan 2026, 22:03');
    expect(zoneName('UTC', at)).toBe('UTC');
  });
});

// One chart (uPlot). Its pointer is shared with the others; with the keyboard, arrow keys move it.
//
// The head has the values under the pointer, else the newest, so that nothing is said by the picture alone.
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import { clock, type Zone } from '../lib/format';
import { prefs } from '../state/prefs';
import { useStore } from '../state/store';

/** One line of a chart. */
export interface Line {
  name: string;
  kind: 'canary' | 'stable' | 'share';
  values: (number | null)[];
}

interface Props {
  title: string;
  hint?: string;
  /** Seconds since 1970. */
  xs: number[];
  lines: Line[];
  /** Where phases begin, seconds since 1970. */
  starts: { at: number; phase: number | null }[];
  show: (value: number | null | undefined) => string;
  /** A line across, at a limit that counts. */
  limit?: number | null;
  /** Largest value there can be. */
  top?: number;
  log?: boolean;
}

const HEIGHT = 132;
/** A line goes on over so many steps without a value. */
const GAP_STEPS = 5;
const DASHES: Record<Line['kind'], number[]> = { canary: [], stable: [5, 4], share: [2, 3] };

/** A colour of the style sheet, as the canvas takes it. */
function colour(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Places of the lines of a logarithmic scale: powers of ten, every second one where there are many. */
function powers(_: uPlot, __: number, low: number, high: number): number[] {
  const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = Math.max(1, Math.ceil((to - from) / 4));
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => 10 ** (from + i * step));
}

/** Gaps that are drawn: a step or two without a request is none. */
const longGaps: uPlot.Series.GapsRefiner = (u, _, from, to, gaps) => gaps.filter(([left, right]) => right - left > (GAP_STEPS * u.bbox.width) / Math.max(1, to - from));

/** What the drawing reads when it draws; newer than what it was made with. */
interface Now extends Pick<Props, 'starts' | 'limit' | 'show' | 'top'> {
  zone: Zone;
}

function options(width: number, lines: Line[], log: boolean, now: () => Now, onPoint: (at: number | null) => void): uPlot.Options {
  const [muted, grid, bad] = [colour('muted'), colour('line'), colour('bad')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const across = (u: uPlot) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    ctx.strokeStyle = muted;
    ctx.globalAlpha = 0.45;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const { at } of now().starts.slice(1)) {
      const x = Math.round(u.valToPos(at, 'x', true)) + 0.5;
      if (x <= bbox.left || x >= bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    const limit = now().limit;
    const y = limit == null ? NaN : Math.round(u.valToPos(limit, 'y', true)) + 0.5;
    if (y >= bbox.top && y <= bbox.top + bbox.height) {
      ctx.globalAlpha = 0.9;
      ctx.strokeStyle = bad;
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  };
  const range = (_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax => {
    const { limit, top } = now();
    if (log) return [Math.min(0.1, low ?? 0.1), Math.max((limit ?? 100) * 3, high ?? 1)];
    if (top !== undefined) return [Math.max(0, Math.min(top * 0.9, (low ?? 0) - top * 0.05)), top * 1.02];
    const most = Math.max(high ?? 0, 0);
    // A limit that is near is shown; one that is far away would press everything to the ground.
    const near = limit != null && limit < most * 3 ? limit : 0;
    return [0, Math.max(most, near) * 1.15 || Math.max(limit ?? 1, 0.0001) * 1.15];
  };
  const axis: uPlot.Axis = { stroke: muted, font, ticks: { show: false }, grid: { stroke: grid, width: 1 } };
  return {
    width,
    height: HEIGHT,
    padding: [6, 6, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'charts' }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range, ...(log && { distr: 3 as const }) } },
    series: [
      {},
      ...lines.map(({ name, kind }) => ({
        label: name,
        stroke: colour(kind === 'share' ? 'muted' : kind),
        width: kind === 'canary' ? 2 : 1.5,
        dash: DASHES[kind],
        points: { show: false },
        gaps: longGaps,
      })),
    ],
    axes: [
      { ...axis, grid: { show: false }, size: 22, space: 64, values: (_, ticks) => ticks.map((t) => clock(t * 1000, now().zone)) },
      { ...axis, size: 58, space: 32, ...(log && { splits: powers }), values: (_, ticks) => ticks.map((t) => (t === null ? '' : now().show(t))) },
    ],
    hooks: { draw: [across], setCursor: [(u) => onPoint(u.cursor.idx ?? null)] },
  };
}

export function Chart({ title, hint, xs, lines, starts, show, limit = null, top, log = false }: Props) {
  const { theme, zone } = useStore(prefs);
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [point, setPoint] = useState<number | null>(null);
  const now = useRef<Now>({ starts, limit, show, zone });
  now.current = { starts, limit, show, zone, ...(top !== undefined && { top }) };
  const data = [xs, ...lines.map((line) => line.values)] as uPlot.AlignedData;
  const newest = useRef(data);
  newest.current = data;
  const kinds = lines.map((line) => line.kind).join();

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element.clientWidth || 300, lines, log, () => now.current, setPoint), newest.current, element);
    };
    make();
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', make);
    return () => {
      scheme.removeEventListener('change', make);
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
    // The lines' values come by setData; only what a plot is made of makes a new one.
  }, [kinds, log, theme]);

  useEffect(() => plot.current?.setData(newest.current), [xs, lines]);
  useEffect(() => plot.current?.redraw(false, true), [zone]);

  const at = point !== null && point < xs.length ? point : xs.length - 1;
  const move = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const u = plot.current;
    if (step === undefined || !u) return;
    event.preventDefault();
    const to = Math.min(xs.length - 1, Math.max(0, at + step));
    u.setCursor({ left: u.valToPos(xs[to] ?? 0, 'x'), top: 0 });
  };
  const said = lines.map((line) => `${line.name} ${show(line.values[at])}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}{hint && <span className="muted"> {hint}</span>}</span>
        <span className="chart-values">
          {point !== null && <span className="muted">{clock((xs[at] ?? 0) * 1000, zone)}</span>}
          {lines.map((line) => (
            <span key={line.name} className={`key-line is-${line.kind}`}>
              <span className={lines.some((one) => one.kind === 'share') ? '' : 'sr'}>{line.name} </span>
              {show(line.values[at])}
            </span>
          ))}
        </span>
      </figcaption>
      <div
        ref={frame}
        className="plot"
        role="img"
        tabIndex={0}
        aria-label={`${title}: ${said}${limit === null ? '' : `; limit ${show(limit)}`}. Arrow keys move through time.`}
        onKeyDown={move}
        onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
      />
    </figure>
  );
}

// The measurements of a run over time: the canary as a solid line, stable as a dashed one, phases as upright lines.
import { useMemo, type ReactNode } from 'react';
import { decimal, millis, odds, percent, span } from '../lib/format';
import { errorRates, metricNames, phaseStarts, pick, times, type Series } from '../lib/series';
import type { Detail, LivePoint } from '../lib/types';
import { Chart, type Line } from './Chart';

/** Error rates are over this many seconds, so that one failed request among three is not a peak of 33 %. */
const ERROR_WINDOW_SECONDS = 10;

export function Charts({ series, detail }: { series: Series; detail: Detail }) {
  const xs = useMemo(() => times(series), [series]);
  const starts = useMemo(() => phaseStarts(series), [series]);
  if (xs.length < 2) {
    return (
      <section className="panel charts-empty" aria-label="Measurements">
        <p className="muted">Charts begin with the first measurements.</p>
      </section>
    );
  }
  const both = (of: Parameters<typeof pick>[2]): Line[] => [
    { name: 'Canary', kind: 'canary', values: pick(series, 'canary', of) },
    { name: 'Stable', kind: 'stable', values: pick(series, 'stable', of) },
  ];
  const one = (name: string, of: (point: LivePoint) => number | null): Line[] => [{ name, kind: 'canary', values: series.points.map(of) }];
  const window = Math.max(ERROR_WINDOW_SECONDS, series.stepSeconds);
  const errors: Line[] = (['canary', 'stable'] as const).map((kind) => ({ name: kind === 'canary' ? 'Canary' : 'Stable', kind, values: errorRates(series, kind, window) }));
  const common = { xs, starts };
  const limit = detail.phases[detail.state.currentPhase ?? -1]?.successCriteria;
  const charts: ReactNode[] = [
    <Chart key="errors" {...common} title="Error rate" hint={`over ${span(window)}`} lines={errors} show={percent} limit={limit?.errorRate ?? null} />,
    <Chart key="p50" {...common} title="Response time, p50" lines={both((arm) => arm.p50Ms)} show={millis} />,
    <Chart key="p95" {...common} title="Response time, p95" lines={both((arm) => arm.p95Ms)} show={millis} />,
    <Chart key="p99" {...common} title="Response time, p99" lines={both((arm) => arm.p99Ms)} show={millis} />,
    <Chart key="mean" {...common} title="Response time, mean" lines={both((arm) => arm.meanMs)} show={millis} limit={limit?.responseTime ?? null} />,
    <Chart key="apdex" {...common} title="Apdex" hint="0 to 1" lines={both((arm) => arm.apdex)} show={(v) => decimal(v, 3)} top={1} />,
    <Chart key="rate" {...common} title="Requests per second" lines={both((arm) => arm.requests / series.stepSeconds)} show={(v) => decimal(v, 1)} />,
    <Chart key="health" {...common} title="Health and share" hint="0 to 100" lines={[...one('Health', (p) => p.health ?? null), { name: 'Share %', kind: 'share', values: series.points.map((p) => p.share) }]} show={(v) => decimal(v, 1)} top={100} />,
    <Chart key="evidence" {...common} title="Evidence against the canary" hint="logarithmic" lines={one('Evidence', (p) => Math.max(p.evidence, 0.01))} show={odds} limit={detail.evidence.limit} log />,
    ...metricNames(series).map((name) => <Chart key={`metric ${name}`} {...common} title={name} hint="mean" lines={both((arm) => arm.metrics[name])} show={(v) => decimal(v, 2)} />),
  ];
  return (
    <section aria-labelledby="charts">
      <div className="section-head">
        <h2 id="charts">Canary and stable</h2>
        <p className="legend">
          <span className="key-line is-canary">Canary {detail.versions.canary.version}</span>
          <span className="key-line is-stable">Stable {detail.versions.stable.version}</span>
          <span className="muted">{series.stepSeconds === 1 ? 'each second' : `steps of ${span(series.stepSeconds)}`}</span>
        </p>
      </div>
      <div className="charts">{charts}</div>
    </section>
  );
}

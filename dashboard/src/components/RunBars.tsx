// One number of each run as a bar, oldest at the left. How a run ended is said by the bar's pattern and in its title.
import { count, millis, span } from '../lib/format';
import { hrefOf } from '../lib/route';
import { standing } from '../lib/words';
import type { KpiRun } from '../lib/types';

/** Most bars that are shown. */
const BARS_MAX = 40;

interface Props {
  runs: readonly KpiRun[];
  title: string;
  of: (run: KpiRun) => number | null;
  unit: 'seconds' | 'ms' | 'count';
}

export function RunBars({ runs, title, of, unit }: Props) {
  const show = (value: number | null) => (unit === 'seconds' ? span(value) : unit === 'ms' ? millis(value) : count(value));
  const shown = runs.slice(-BARS_MAX);
  const most = Math.max(0, ...shown.map((run) => of(run) ?? 0));
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        <span className="muted">{most > 0 ? `up to ${show(most)}` : 'nothing yet'}</span>
      </figcaption>
      <div className="bars">
        {shown.map((run) => {
          const value = of(run);
          const { word, colour } = standing({ status: run.status, waitingOn: [] });
          const label = `${run.run}, ${word.toLowerCase()}: ${value === null ? 'none' : show(value)}`;
          return (
            <a key={run.run} href={hrefOf(run.run)} className={`run-bar is-${colour}`} title={label} aria-label={label}>
              {value !== null && value > 0 && <i style={{ height: `${Math.max(2, (100 * value) / most)}%` }} />}
            </a>
          );
        })}
      </div>
    </figure>
  );
}

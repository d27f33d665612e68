// KPIs over a time, each run as a bar, and the history of runs.
import { useState } from 'react';
import { fleet } from '../state/fleet';
import { useKpis } from '../state/kpis';
import { useStore } from '../state/store';
import { Empty } from './Empty';
import { KpiTiles } from './KpiTiles';
import { RunBars } from './RunBars';
import { RunTable } from './RunTable';

const SPANS = [7, 30, 90, 365] as const;

export function KpiPage() {
  const [days, setDays] = useState<number>(30);
  const { kpis, missing, error } = useKpis(days);
  const { runs } = useStore(fleet);
  const isEmpty = runs !== null && runs.length === 0;
  return (
    <>
      <div className="head">
        <h1>History and KPIs</h1>
        {!missing && (
          <div className="segments" role="group" aria-label="Time">
            {SPANS.map((one) => (
              <button key={one} type="button" aria-pressed={days === one} onClick={() => setDays(one)}>
                {one} days
              </button>
            ))}
          </div>
        )}
      </div>
      {error !== null && <p className="refusal" role="alert">{error}</p>}
      {isEmpty ? (
        <Empty title="No history yet">
          <p>Every run of a rollout is kept here, with how it ended and whom it cost what.</p>
          <pre tabIndex={0}><code>fw rollout start -c factory-wager.yaml</code></pre>
        </Empty>
      ) : (
        <div className="stack">
          {kpis && <KpiTiles kpis={kpis} />}
          {kpis && kpis.runs.length > 0 && (
            <div className="charts">
              <RunBars runs={kpis.runs} title="Time to 100 %" of={(run) => run.timeTo100Seconds ?? null} unit="seconds" />
              <RunBars runs={kpis.runs} title="Failed canary requests" of={(run) => run.canaryErrors} unit="count" />
              <RunBars runs={kpis.runs} title="Recovery time" of={(run) => run.recoveryMs ?? null} unit="ms" />
            </div>
          )}
          {runs && <RunTable runs={runs} kpis={kpis?.runs ?? []} />}
        </div>
      )}
    </>
  );
}

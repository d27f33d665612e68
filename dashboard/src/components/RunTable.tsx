// The history: every run that the server still lists, newest first.
import { count, millis, percent, span } from '../lib/format';
import { hrefOf } from '../lib/route';
import { standing } from '../lib/words';
import type { KpiRun, Run } from '../lib/types';
import { Chip } from './Chip';
import { Time } from './Time';

export function RunTable({ runs, kpis }: { runs: readonly Run[]; kpis: readonly KpiRun[] }) {
  const more = new Map(kpis.map((run) => [run.run, run]));
  return (
    <section className="panel scroll" aria-labelledby="runs" tabIndex={0}>
      <h2 id="runs">Runs</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Run</th><th scope="col">Versions</th><th scope="col">How it stands</th><th scope="col">Started</th>
            <th scope="col" className="number">Took</th><th scope="col" className="number">Canary requests</th><th scope="col" className="number">Failed</th>
            {more.size > 0 && <><th scope="col" className="number">Rollbacks</th><th scope="col" className="number">Recovery</th></>}
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => {
            const kpi = more.get(run.run ?? '');
            const { totalRequests, totalErrors } = run.state;
            const took = run.endedAt ? (Date.parse(run.endedAt) - Date.parse(run.startedAt)) / 1000 : null;
            return (
              <tr key={run.run}>
                <th scope="row"><a href={hrefOf(run.run ?? '')}>{run.run}</a></th>
                <td className="versions">{run.versions.stable.version} → {run.versions.canary.version}</td>
                <td><Chip {...standing(run)} /></td>
                <td><Time ms={Date.parse(run.startedAt)} day /></td>
                <td className="number">{took === null ? 'under way' : span(took)}</td>
                <td className="number">{count(totalRequests)}</td>
                <td className="number">{count(totalErrors)}{totalRequests > 0 && <span className="muted"> ({percent((100 * totalErrors) / totalRequests)})</span>}</td>
                {more.size > 0 && <><td className="number">{count(kpi?.rollbacks)}</td><td className="number">{millis(kpi?.recoveryMs)}</td></>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

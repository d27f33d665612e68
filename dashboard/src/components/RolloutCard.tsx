// One rollout in the overview: where it stands, how healthy it is, and what it waits for.
import { count, decimal, percent, share } from '../lib/format';
import { hrefOf } from '../lib/route';
import { healthColour, standing } from '../lib/words';
import type { SeenRun } from '../state/fleet';
import { Chip } from './Chip';
import { Time } from './Time';
import { Until } from './Until';

export function RolloutCard({ run, isLive }: { run: SeenRun; isLive: boolean }) {
  const name = run.rollout ?? '';
  const [service = '', region] = name.split('@');
  const metrics = run.currentPhase?.metrics;
  const units = run.split?.canary ?? 0;
  return (
    <a className="card" href={hrefOf(name)} aria-label={`${name}, ${standing(run).word}`}>
      <div className="card-name">
        <h2>
          {service}
          {region && <span className="region">{region}</span>}
        </h2>
        <p className="versions">
          {run.versions.stable.version} <span aria-hidden="true">→</span>
          <span className="sr"> to </span> <b>{run.versions.canary.version}</b>
        </p>
      </div>
      <Chip {...standing(run)} />
      <div className="card-share">
        <div className="share-line">
          <b>{share(units)}</b>
          <span className="muted">{run.currentPhase?.description ?? (run.status === 'completed' ? 'All traffic' : 'At stable')}</span>
        </div>
        <div className="bar" aria-hidden="true">
          <i style={{ width: `${units / 1000}%` }} />
        </div>
      </div>
      <dl className="card-numbers">
        <div>
          <dt>Health</dt>
          <dd className={`is-${healthColour(run.health)}`}>{decimal(run.health, 1)}</dd>
        </div>
        <div>
          <dt>Errors</dt>
          <dd>{percent(metrics?.errorRate)}</dd>
        </div>
        <div>
          <dt>Requests</dt>
          <dd>{count(run.state.totalRequests)}</dd>
        </div>
      </dl>
      <p className="card-wait">
        {run.waitingOn.length > 0 ? <Until waiting={run.waitingOn} seenAt={run.seenAt} isLive={isLive} /> : run.endedAt ? <span className="muted">Ended <Time ms={Date.parse(run.endedAt)} day /></span> : <span className="muted">Waits for nothing</span>}
      </p>
    </a>
  );
}

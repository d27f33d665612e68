// Earlier and later runs of the same service and region.
import { hrefOf } from '../lib/route';
import { standing } from '../lib/words';
import type { Detail } from '../lib/types';
import { fleet } from '../state/fleet';
import { useStore } from '../state/store';
import { Chip } from './Chip';
import { Time } from './Time';

/** Most runs that are shown here; the history has all. */
const RUNS_SHOWN_MAX = 8;

export function PastRuns({ detail }: { detail: Detail }) {
  const { runs } = useStore(fleet);
  const others = (runs ?? []).filter((run) => run.rollout === detail.rollout && run.run !== detail.run);
  if (others.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="others">
      <h2 id="others">Other runs of {detail.rollout}</h2>
      <ul className="past">
        {others.slice(0, RUNS_SHOWN_MAX).map((run) => (
          <li key={run.run}>
            <a href={hrefOf(run.run ?? '')}>{run.run}</a>
            <span className="muted">{run.versions.stable.version} → {run.versions.canary.version}</span>
            <Chip {...standing(run)} />
            <span className="muted"><Time ms={Date.parse(run.startedAt)} day /></span>
          </li>
        ))}
      </ul>
    </section>
  );
}

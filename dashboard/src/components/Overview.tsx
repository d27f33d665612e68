// All rollouts of this server, the newest of each service and region, and what happened last.
import { isUnderWay, isHeld } from '../lib/words';
import { fleet, newestOfEach, type SeenRun } from '../state/fleet';
import { useStore } from '../state/store';
import { Empty } from './Empty';
import { KpiStrip } from './KpiStrip';
import { RolloutCard } from './RolloutCard';
import { Timeline } from './Timeline';

/** Under way first, those that wait before those that run; then the newest. */
function ordered(runs: SeenRun[]): SeenRun[] {
  const rank = (run: SeenRun) => (isUnderWay(run) ? (isHeld(run) || run.status !== 'running' ? 0 : 1) : run.status === 'rolled_back' && !run.endedAt ? 0 : 2);
  return [...runs].sort((a, b) => rank(a) - rank(b));
}

function summary(runs: SeenRun[]): string {
  const under = runs.filter(isUnderWay).length;
  const held = runs.filter((run) => isHeld(run) || run.status === 'paused').length;
  const back = runs.filter((run) => run.status === 'rolled_back' && !run.endedAt).length;
  const parts = [under === 0 ? 'nothing under way' : `${under} under way`];
  if (held > 0) parts.push(`${held} waiting`);
  if (back > 0) parts.push(`${back} rolled back`);
  return parts.join(' · ');
}

export function Overview() {
  const { runs, timeline, error, link } = useStore(fleet);
  if (runs === null) {
    return error === null ? <p className="muted pad" role="status">Loading …</p> : <p className="pad" role="alert">{error}</p>;
  }
  const newest = ordered(newestOfEach(runs));
  return (
    <>
      <div className="head">
        <h1>Rollouts</h1>
        <p className="muted">{summary(newest)}</p>
      </div>
      {newest.length === 0 ? <NoRollout /> : (
        <div className="overview">
          <div>
            <ul className="cards">
              {newest.map((run) => (
                <li key={run.rollout}>
                  <RolloutCard run={run} isLive={link.kind === 'live'} />
                </li>
              ))}
            </ul>
            <KpiStrip />
          </div>
          <aside className="panel" aria-labelledby="latest">
            <h2 id="latest">What happened</h2>
            <Timeline events={timeline.slice(0, 40)} withRollout empty="Nothing since this page was opened." />
          </aside>
        </div>
      )}
    </>
  );
}

function NoRollout() {
  return (
    <Empty title="No rollout yet">
      <p>A rollout moves a service's traffic to a new version a little at a time. Start one:</p>
      <pre tabIndex={0}><code>fw rollout start -c factory-wager.yaml</code></pre>
      <p className="muted">
        It appears here by itself. To see one without a service of your own: <code>fw demo</code>.
      </p>
    </Empty>
  );
}

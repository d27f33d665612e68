// One rollout: where it is, whether it is healthy, why it stands still, what will happen next, who was harmed.
import { EMPTY } from '../lib/series';
import { fleet, newestOfEach } from '../state/fleet';
import { useRollout } from '../state/rollout';
import { useStore } from '../state/store';
import type { LinkState } from '../state/link';
import { ActionBar } from './ActionBar';
import { Charts } from './Charts';
import { Empty } from './Empty';
import { EvidencePanel } from './EvidencePanel';
import { Facts } from './Facts';
import { HealthTile } from './HealthTile';
import { LostBanner } from './LostBanner';
import { NowTable } from './NowTable';
import { PastRuns } from './PastRuns';
import { PhaseTrack } from './PhaseTrack';
import { Questions } from './Questions';
import { Reports } from './Reports';
import { RiskTile } from './RiskTile';
import { RolloutHead } from './RolloutHead';
import { ShareTile } from './ShareTile';
import { EvidenceTile } from './EvidenceTile';
import { Timeline } from './Timeline';
import { Waiting } from './Waiting';

/** The worse of two links: what is lost anywhere is not live. */
const worse = (a: LinkState, b: LinkState): LinkState => (a.kind === 'lost' ? a : b.kind === 'lost' ? b : a);

export function RolloutPage({ name }: { name: string }) {
  const [state, link] = useRollout(name);
  const { runs, link: fleetLink } = useStore(fleet);
  const { detail, timeline, hasLive, error } = state;
  if (!detail) return error ? <Missing name={name} text={error.message} /> : <p className="muted pad" role="status">Loading {name} …</p>;
  const isNewest = runs === null || newestOfEach(runs).some((run) => run.run === detail.run);
  const shown = hasLive === false ? fleetLink : worse(state.link, fleetLink);
  return (
    <>
      <LostBanner link={shown} onRetry={() => link?.retryNow()} />
      <RolloutHead detail={detail}>
        <ActionBar detail={detail} isNewest={isNewest} onDone={(after) => link?.takeDetail(after)} />
      </RolloutHead>
      <Waiting detail={detail} at={state.at} isLive={shown.kind === 'live'} onDone={(after) => link?.takeDetail(after)} />
      <PhaseTrack detail={detail} at={state.at} isLive={shown.kind === 'live'} />
      <div className="tiles">
        <ShareTile detail={detail} />
        <HealthTile detail={detail} />
        <EvidenceTile detail={detail} />
        <RiskTile detail={detail} />
      </div>
      {hasLive !== false && <Charts series={hasLive ? state.series : EMPTY} detail={detail} />}
      {hasLive === false && <NowTable detail={detail} />}
      <div className="columns">
        <Questions detail={detail} />
        <section className="panel" aria-labelledby="timeline">
          <h2 id="timeline">Timeline</h2>
          <Timeline events={timeline} empty="No events yet." />
        </section>
      </div>
      <EvidencePanel detail={detail} />
      <div className="columns is-three">
        <Facts detail={detail} />
        <Reports detail={detail} hadRollback={timeline.some((event) => event.tone === 'bad' && event.title.startsWith('Rollback'))} />
        <PastRuns detail={detail} />
      </div>
    </>
  );
}

function Missing({ name, text }: { name: string; text: string }) {
  return (
    <Empty title={`No rollout ${name}`}>
      <p>{text}</p>
      <p><a href="#/">All rollouts</a></p>
    </Empty>
  );
}

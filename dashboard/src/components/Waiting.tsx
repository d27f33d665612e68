// Why it stands still, in the server's words: each reason with since when and how long still.
import { spaced } from '../lib/evidence';
import { ago, percent, span } from '../lib/format';
import { waitingWord } from '../lib/words';
import type { Detail } from '../lib/types';
import { useNow } from '../state/now';
import { PhaseGates } from './PhaseGates';
import { Time } from './Time';

interface Props {
  detail: Detail;
  at: number;
  isLive: boolean;
  onDone?: (after: Detail) => void;
}

export function Waiting({ detail, at, isLive, onDone = () => {} }: Props) {
  const now = useNow();
  const passed = isLive ? Math.max(0, (now - at) / 1000) : 0;
  const alarms = [detail.quarantine && `Quarantined: ${detail.quarantine}`, detail.splitAlarm, detail.concentrated].filter((one) => typeof one === 'string');
  if (detail.sharedBreach) alarms.push('Both versions are over the limit.');
  return (
    <section className="waiting" aria-label="What it waits for">
      <WentBack detail={detail} />
      {detail.waitingOn.length === 0 && <p className="muted">{idle(detail)}</p>}
      {detail.waitingOn.map((one) => (
        <p key={`${one.kind} ${one.since}`} className={one.kind === 'duration' ? 'reason' : 'reason is-warn'}>
          <b className="kind">{waitingWord[one.kind] ?? one.kind}</b>
          <span className="reason-text">{one.text}</span>
          <span className="muted reason-when">
            since <Time ms={Date.parse(one.since)} /> ({ago((now - Date.parse(one.since)) / 1000)})
            {one.etaSeconds != null && <> · about {span(one.etaSeconds - passed)} to go</>}
          </span>
        </p>
      ))}
      <PhaseGates detail={detail} onDone={onDone} />
      {alarms.map((text) => (
        <p key={text} className="reason is-bad">
          <b className="kind">Alarm</b>
          <span className="reason-text">{text}</span>
        </p>
      ))}
    </section>
  );
}

/** Why it went back, in the words of the evidence at that time. */
function WentBack({ detail }: { detail: Detail }) {
  const { rollback, status } = detail;
  if (!rollback || !['rolling_back', 'rolled_back'].includes(status)) return null;
  const share = (position: number | null) => percent(position === null ? 0 : detail.phases[position]?.percentage);
  const why = rollback.trigger === 'manual' ? 'by a person' : `by ${spaced(rollback.trigger)}`;
  return (
    <div className="reason is-bad">
      <b className="kind">Rollback</b>
      <div className="reason-text">
        <p><b>From {share(rollback.fromPhase)} to {share(rollback.toPhase)} of traffic, {why}</b></p>
        {rollback.evidence.map((line) => <p key={line} className="went-back">{line}</p>)}
      </div>
      <span className="muted reason-when">decided at <Time ms={Date.parse(rollback.decidedAt)} /></span>
    </div>
  );
}

/** What to say when it waits for nothing. */
function idle(detail: Detail): string {
  const { stable, canary } = detail.versions;
  switch (detail.status) {
    case 'completed':
      return `Complete: all traffic is on ${canary.version}.`;
    case 'aborted':
      return `Aborted: all traffic is on ${stable.version}.`;
    case 'rolled_back':
      return detail.endedAt ? 'A newer rollout took its place.' : `It stays there until a person resumes, advances or aborts it, or starts a new one.`;
    default:
      return 'It waits for nothing.';
  }
}

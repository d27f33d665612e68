// The phases in their order: which are done, which runs with how much time left, which are to come.
import { percent, span } from '../lib/format';
import { isHeld } from '../lib/words';
import type { Detail } from '../lib/types';
import { useNow } from '../state/now';
import { Icon } from './Icon';

type Standing = 'done' | 'now' | 'todo' | 'left';
const WORD: Record<Standing, string> = { done: 'done', now: 'now', todo: 'to come', left: 'left' };

/** How a phase stands, for a rollout at this position. */
export function phaseStanding(position: number, detail: Pick<Detail, 'status' | 'state' | 'phases'>): Standing {
  if (detail.status === 'completed') return 'done';
  const at = detail.state.currentPhase;
  if (at == null) return detail.phases[position]?.endedHealthy ? 'left' : 'todo';
  return position < at ? 'done' : position === at ? 'now' : 'todo';
}

export function PhaseTrack({ detail, at, isLive }: { detail: Detail; at: number; isLive: boolean }) {
  const now = useNow();
  const passed = isLive && detail.clockRuns && detail.status === 'running' ? Math.max(0, (now - at) / 1000) : 0;
  return (
    <ol className="track" aria-label="Phases">
      {detail.phases.map((phase) => {
        const how = phaseStanding(phase.position, detail);
        const watched = how === 'now' ? Math.min(phase.durationSeconds, detail.watchedSeconds + passed) : how === 'done' ? phase.durationSeconds : 0;
        const left = phase.durationSeconds - watched;
        const wasLeft = detail.status === 'rolled_back' && detail.rollback?.fromPhase === phase.position;
        const held = how === 'now' && (isHeld(detail) || detail.status !== 'running');
        return (
          <li key={phase.position} className={`step is-${how} ${how === 'done' && phase.endedHealthy ? 'is-healthy' : ''} ${held ? 'is-held' : ''}`} aria-current={how === 'now' ? 'step' : undefined}>
            <div className="step-bar" aria-hidden="true">
              <i style={{ width: `${(100 * watched) / phase.durationSeconds}%` }} />
            </div>
            <p className="step-head">
              <b>{percent(phase.percentage)}</b>
              {how === 'done' && (phase.endedHealthy ? <Icon mark="done" colour="ok" /> : <span className="muted left">passed by hand</span>)}
              {held && <Icon mark={detail.status === 'paused' ? 'pause' : detail.status === 'running' ? 'wait' : 'back'} colour="warn" />}
              {wasLeft && <span className="is-bad left"><Icon mark="back" colour="bad" /> went back from here</span>}
              <span className="sr">{WORD[how]}</span>
              <span className="muted step-time">{how === 'now' ? (left >= 1 ? `${span(left)} left` : 'time is over') : span(phase.durationSeconds)}</span>
            </p>
            <p className="step-name">{phase.description}</p>
            <p className="muted step-criteria">{criteria(phase.successCriteria)}</p>
          </li>
        );
      })}
    </ol>
  );
}

/** What a phase must show, in short. */
function criteria({ errorRate, responseTime, healthScore }: Detail['phases'][number]['successCriteria']): string {
  const parts = [];
  if (errorRate != null) parts.push(`errors ≤ ${percent(errorRate)}`);
  if (responseTime != null) parts.push(`mean ≤ ${responseTime}\u00a0ms`);
  if (healthScore != null) parts.push(`health ≥ ${healthScore}`);
  return parts.join(' · ');
}

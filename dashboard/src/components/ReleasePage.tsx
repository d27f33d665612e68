// One release: its steps, what it waits for, why it is risky, what was found and done, and the buttons of a person.
import { useState, type MouseEvent } from 'react';
import { ago } from '../lib/format';
import { hrefOf } from '../lib/route';
import { isOpen, RELEASE_ACTIONS, releaseActionWord, releaseConsequences, releaseStanding, stepLine, whyNotRelease, type ReleaseAction, type ReleaseDetail } from '../lib/releases';
import { useNow } from '../state/now';
import { usePolled } from '../state/releases';
import { getBlob, post, session } from '../state/session';
import { useStore } from '../state/store';
import { Chip } from './Chip';
import { Empty } from './Empty';
import { Icon } from './Icon';
import { ReasonDialog } from './ReasonDialog';
import { ReleaseParts } from './ReleaseParts';
import { Time } from './Time';

const pathOf = (id: string): string => `/api/v1/releases/${encodeURIComponent(id)}`;

export function ReleasePage({ id }: { id: string }) {
  const [{ value: release, error }, take] = usePolled<ReleaseDetail>(pathOf(id), isOpen);
  if (!release) {
    if (!error) return <p className="muted pad" role="status">Loading {id} …</p>;
    return <Empty title={`No release ${id}`}><p>{error.message}</p><p><a href="#/releases">All releases</a></p></Empty>;
  }
  return (
    <>
      {error && <p className="refusal" role="alert">Not of now: {error.message}</p>}
      <Head release={release} onDone={take} />
      <ol className="steps" aria-label="Steps">
        {stepLine(release).map(({ step, how }) => (
          <li key={step} className={`is-${how}`} aria-current={how === 'now' ? 'step' : undefined}>
            {how === 'done' && <Icon mark="done" colour="ok" />}
            {how === 'stopped' && <Icon mark="stop" colour="bad" />}
            {how === 'now' && <Icon mark={step === 'undo' ? 'back' : 'run'} colour={step === 'undo' ? 'bad' : 'accent'} />}
            {how === 'todo' && <Icon mark="none" colour="plain" />}
            {step}<span className="sr"> {how === 'todo' ? 'to come' : how}</span>
          </li>
        ))}
      </ol>
      <Waits release={release} />
      <ReleaseParts release={release} send={async (body, key) => take(await post<ReleaseDetail>(`${pathOf(release.id)}/resolve`, body, key))} />
    </>
  );
}

function Head({ release, onDone }: { release: ReleaseDetail; onDone: (after: ReleaseDetail) => void }) {
  const { token } = useStore(session);
  const [open, setOpen] = useState<ReleaseAction | null>(null);
  const report = `${pathOf(release.id)}/report`;
  /** A link carries no token: with one, the report is fetched and saved. */
  const save = async (event: MouseEvent) => {
    if (token === null) return;
    event.preventDefault();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await getBlob(report));
    link.download = `${release.id}.md`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <div className="rollout-head">
      <div>
        <p className="crumbs"><a href="#/releases">Releases</a> <span aria-hidden="true">/</span> {release.id}</p>
        <h1>
          {release.service}
          {release.region && <span className="region">{release.region}</span>}
          <span className="versions">
            <span className="key-stable">{release.versions.stable}</span> <span aria-hidden="true">→</span>
            <span className="sr"> to </span> <span className="key-canary">{release.versions.canary}</span>
          </span>
        </h1>
        <p className="chips">
          <Chip {...releaseStanding(release)} />
          <span className="muted">
            {release.strategy}{release.environment && ` to ${release.environment}`} · by {release.actor}, <Time ms={Date.parse(release.startedAt)} day />
            {release.endedAt && <> · ended <Time ms={Date.parse(release.endedAt)} day /></>}
          </span>
          {release.rollout && <a href={hrefOf(release.rollout)}>Rollout {release.rollout}</a>}
          <a href={report} target="_blank" rel="noreferrer" onClick={save}>Report</a>
        </p>
      </div>
      <div className="actions" role="group" aria-label="Actions">
        {RELEASE_ACTIONS.map((action) => {
          const why = whyNotRelease(action, release);
          return (
            <button key={action} type="button" className={action === 'approve' ? '' : 'danger'} aria-disabled={why !== null} aria-describedby={why === null ? undefined : `why-${action}`} title={why ?? undefined} onClick={() => why === null && setOpen(action)}>
              {releaseActionWord[action]}
              {why !== null && <span id={`why-${action}`} className="why">{why}</span>}
            </button>
          );
        })}
      </div>
      {open && (
        <ReasonDialog
          title={`${releaseActionWord[open]}: ${release.id}`} word={releaseActionWord[open]} will={releaseConsequences(open, release)} isDangerous={open !== 'approve'}
          send={async (body, key) => {
            onDone(await post<ReleaseDetail>(`${pathOf(release.id)}/${open}`, body, key));
            setOpen(null);
          }}
          onClose={() => setOpen(null)}
        />
      )}
    </div>
  );
}

const WAITS: Record<string, string> = { task: 'Work', gate: 'Gate', rollout: 'Rollout', person: 'A person', clock: 'Time' };

function Waits({ release }: { release: ReleaseDetail }) {
  const now = useNow();
  return (
    <section className="waiting" aria-label="What it waits for">
      {release.waitingOn.length === 0 && <p className="muted">{release.why ?? 'It waits for nothing.'}</p>}
      {release.waitingOn.map((one) => (
        <p key={`${one.kind} ${one.text}`} className={one.kind === 'gate' || one.kind === 'person' ? 'reason is-warn' : 'reason'}>
          <b className="kind">{WAITS[one.kind] ?? one.kind}</b>
          <span className="reason-text">{one.text}</span>
          <span className="muted reason-when">since <Time ms={Date.parse(one.since)} /> ({ago((now - Date.parse(one.since)) / 1000)})</span>
        </p>
      ))}
    </section>
  );
}

// What a release knows: risk in its parts, findings, works, timeline, log. A work of unknown outcome is ended by a person here.
import { useState } from 'react';
import { count, span } from '../lib/format';
import { RESOLUTIONS, severityOf, taskStanding, type ReleaseDetail, type ReleaseTask } from '../lib/releases';
import { Chip } from './Chip';
import { ReasonDialog } from './ReasonDialog';
import { Time } from './Time';

type Send = (body: { task: number; as: string; reason?: string }, key: string) => Promise<void>;

export function ReleaseParts({ release, send }: { release: ReleaseDetail; send: Send }) {
  return (
    <>
      <div className="columns is-release">
        <Risk risk={release.riskDetail} />
        <section className="panel" aria-labelledby="found">
          <h2 id="found">Findings</h2>
          {release.findings.length === 0 && <p className="muted">Nothing was found.</p>}
          <ul className="found">
            {release.findings.map((one, i) => (
              <li key={i}>
                <Chip {...severityOf(one.severity)} /> <span>{one.message} <span className="muted">{one.check}{one.place && ` · ${one.place}`}</span></span>
              </li>
            ))}
          </ul>
        </section>
        <Works tasks={release.tasks} send={send} />
        <section className="panel" aria-labelledby="timeline">
          <h2 id="timeline">Timeline</h2>
          <ol className="timeline" tabIndex={0}>
            {[...release.timeline].reverse().map((moment, i) => (
              <li key={release.timeline.length - i} className={moment.reason ? 'tone-person' : 'tone-move'}>
                <span className="when"><Time ms={Date.parse(moment.at)} /></span>
                <span className="dot" aria-hidden="true" />
                <div>
                  <p><b>{moment.text}</b> <span className="muted">{moment.step}{moment.actor && ` · by ${moment.actor}`}</span></p>
                  {moment.reason && <blockquote>{moment.reason}</blockquote>}
                </div>
              </li>
            ))}
          </ol>
        </section>
      </div>
      {release.log && release.log.length > 0 && (
        <section className="panel" aria-labelledby="log">
          <h2 id="log">Log</h2>
          <pre className="log" tabIndex={0}>{release.log.join('\n')}</pre>
        </section>
      )}
    </>
  );
}

function Risk({ risk }: { risk: ReleaseDetail['riskDetail'] }) {
  return (
    <section className="panel" aria-labelledby="risk">
      <h2 id="risk">Risk{risk && ` ${count(Math.round(risk.score))}`}{risk?.limit != null && <span className="muted"> · automatic approval up to {risk.limit}</span>}</h2>
      {!risk && <p className="muted">Not assessed yet.</p>}
      <dl className="risk-parts">
        {risk?.parts.map((part) => (
          <div key={part.name}>
            <dt>{part.name} <span className="muted">{part.text}</span></dt>
            <dd>{count(Math.round(part.points))}<span className="range" aria-hidden="true"><i className="range-fill" style={{ width: `${Math.min(100, Math.max(0, part.points))}%` }} /></span></dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Works({ tasks, send }: { tasks: ReleaseTask[]; send: Send }) {
  const [asked, setAsked] = useState<{ task: ReleaseTask; how: (typeof RESOLUTIONS)[number] } | null>(null);
  return (
    <section className="panel" aria-labelledby="works">
      <h2 id="works">Works</h2>
      {tasks.length === 0 && <p className="muted">Nothing was begun yet.</p>}
      <ul className="found">
        {tasks.map((task) => (
          <li key={task.id}>
            <Chip {...taskStanding(task.state)} />
            <span>
              {task.work}{task.attempt > 1 && ` (attempt ${task.attempt})`} <span className="muted">{task.endedAt && `${span((Date.parse(task.endedAt) - Date.parse(task.beganAt)) / 1000)} `}{task.text}</span>
              {task.state === 'unknown' && (
                <span className="actions" role="group" aria-label={`How ${task.work} ended`}>
                  {RESOLUTIONS.map((how) => <button key={how.as} type="button" onClick={() => setAsked({ task, how })}>{how.word}</button>)}
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
      {asked && (
        <ReasonDialog
          title={`${asked.how.word}: ${asked.task.work}`} word={asked.how.word} will={[asked.how.will]} isDangerous={asked.how.as === 'failed'}
          send={async (body, key) => {
            await send({ ...body, task: asked.task.id, as: asked.how.as }, key);
            setAsked(null);
          }}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  );
}

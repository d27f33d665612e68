// Links to the reports of a run. A link carries no token, so with one the file is fetched and saved.
import { useEffect, useState, type MouseEvent } from 'react';
import type { Detail } from '../lib/types';
import { getBlob, isThere, session } from '../state/session';
import { useStore } from '../state/store';

const FORMATS = ['html', 'md', 'json'] as const;

/** Which reports a run has. */
export function reportsOf(status: string, hadRollback: boolean): string[] {
  const kinds = ['performance', 'business'];
  if (hadRollback) kinds.unshift('rollback');
  if (status === 'completed' || status === 'aborted') kinds.unshift('completion');
  return kinds;
}

export function Reports({ detail, hadRollback }: { detail: Detail; hadRollback: boolean }) {
  const { token } = useStore(session);
  const [has, setHas] = useState(false);
  const path = `/api/v1/rollouts/${encodeURIComponent(detail.run ?? '')}/reports`;
  useEffect(() => {
    let gone = false;
    void isThere(`${path}/performance?format=json`).then((there) => !gone && setHas(there));
    return () => {
      gone = true;
    };
  }, [path, token]);
  if (!has) return null;
  const save = (url: string, name: string) => async (event: MouseEvent) => {
    if (token === null) return;
    event.preventDefault();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await getBlob(url));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <section className="panel" aria-labelledby="reports">
      <h2 id="reports">Reports</h2>
      <ul className="reports">
        {reportsOf(detail.status, hadRollback).map((kind) => (
          <li key={kind}>
            <span>{kind[0]?.toUpperCase()}{kind.slice(1)}</span>
            {FORMATS.map((format) => {
              const url = `${path}/${kind}?format=${format}`;
              return (
                <a key={format} href={url} target="_blank" rel="noreferrer" aria-label={`${kind} report as ${format}`} onClick={save(url, `${detail.run}-${kind}.${format}`)}>
                  {format === 'html' ? 'Page' : format === 'md' ? 'Markdown' : 'JSON'}
                </a>
              );
            })}
          </li>
        ))}
      </ul>
    </section>
  );
}

// Feature flags and what experiments show. They have no stream: they are read when one looks, and again on demand.
import { useCallback, useEffect, useState } from 'react';
import type { FlagDetail, Flag } from '../lib/types';
import { get, session } from '../state/session';
import { useStore } from '../state/store';
import { Empty } from './Empty';
import { FlagCard } from './FlagCard';
import { Time } from './Time';

/** Most experiments that are read at once. */
const EXPERIMENTS_MAX = 50;

interface Read {
  flags: (Flag | FlagDetail)[];
  at: number;
}

async function readAll(): Promise<Read> {
  const { flags } = await get<{ flags: Flag[] }>('/api/v1/flags');
  let left = EXPERIMENTS_MAX;
  const one = (flag: Flag): Promise<Flag | FlagDetail> | Flag => (flag.boundToRollout || left-- <= 0 ? flag : get<FlagDetail>(`/api/v1/flags/${encodeURIComponent(flag.key)}`));
  return { flags: await Promise.all(flags.map(one)), at: Date.now() };
}

export function FlagsPage() {
  const { token } = useStore(session);
  const [read, setRead] = useState<Read | null>(null);
  const [error, setError] = useState<string | null>(null);
  const load = useCallback(() => {
    readAll().then(
      (found) => {
        setRead(found);
        setError(null);
      },
      (failed: unknown) => setError(failed instanceof Error ? failed.message : String(failed)),
    );
  }, []);
  useEffect(load, [load, token]);
  return (
    <>
      <div className="head">
        <h1>Flags and experiments</h1>
        {read && (
          <p className="muted">
            As of <Time ms={read.at} />{' '}
            <button type="button" className="quiet" onClick={load}>
              Read again
            </button>
          </p>
        )}
      </div>
      {error !== null && <p className="refusal" role="alert">{error}</p>}
      {read && read.flags.length === 0 && (
        <Empty title="No flags yet">
          <p>A flag gives users of the canary another value, or splits all users by weights. Flags are in the config:</p>
          <pre tabIndex={0}><code>{'flags:\n  - { key: new-checkout, stable: false, canary: true }'}</code></pre>
        </Empty>
      )}
      {read && read.flags.length > 0 && (
        <ul className="flags">
          {read.flags.map((flag) => (
            <li key={`${flag.service} ${flag.key}`}>
              <FlagCard flag={flag} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

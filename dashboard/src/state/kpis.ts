// The KPIs, fetched when somebody looks and again when a rollout begins or ends.
import { useEffect, useState } from 'react';
import type { Kpis } from '../lib/types';
import { onEvent } from './fleet';
import { ApiError, get, session } from './session';
import { useStore } from './store';

const CHANGES = new Set(['rollout_started', 'rollback_completed', 'rollout_completed', 'rollout_aborted']);

/** What is known of the KPIs; `missing`: this server has none. */
export interface KpiState {
  kpis: Kpis | null;
  missing: boolean;
  error: string | null;
}

/** KPIs of the last days. */
export function useKpis(days: number): KpiState {
  const { token } = useStore(session);
  const [state, setState] = useState<KpiState>({ kpis: null, missing: false, error: null });
  useEffect(() => {
    const gone = new AbortController();
    const load = () =>
      get<Kpis>(`/api/v1/kpis?days=${days}`, gone.signal).then(
        (kpis) => setState({ kpis, missing: false, error: null }),
        (error: unknown) => {
          if (gone.signal.aborted) return;
          const missing = error instanceof ApiError && error.isMissing;
          setState((old) => ({ ...old, missing, error: missing ? null : String(error instanceof Error ? error.message : error) }));
        },
      );
    void load();
    const stop = onEvent((event) => CHANGES.has(event.type) && void load());
    return () => {
      gone.abort();
      stop();
    };
  }, [days, token]);
  return state;
}

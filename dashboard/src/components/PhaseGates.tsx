// Gates of the present phase that ask people, with buttons to answer.
import { useState } from 'react';
import { asksPeople, type Gate } from '../lib/releases';
import type { Detail } from '../lib/types';
import { post } from '../state/session';
import { ReasonDialog } from './ReasonDialog';

/** The gates of the present phase; an older server has none. */
export function gatesNow(detail: Detail): Gate[] {
  const at = detail.state.currentPhase;
  const phase = at == null ? undefined : (detail.phases[at] as { gates?: Gate[] } | undefined);
  return phase?.gates ?? [];
}

export function PhaseGates({ detail, onDone }: { detail: Detail; onDone: (after: Detail) => void }) {
  const [asked, setAsked] = useState<'approve' | 'reject' | null>(null);
  const gate = detail.waitingOn.some((one) => one.kind === 'gate') ? gatesNow(detail).find(asksPeople) : undefined;
  const word = asked === 'approve' ? 'Approve' : 'Reject';
  const will = asked === 'approve' ? ['Your approval is counted; the phase goes on when nothing else keeps it.'] : ['The rollout does not go on: traffic of the canary goes back.'];
  return (
    <>
      {gate && (
        <div className="gate" role="group" aria-label={`Gate: ${gate.text}`}>
          <span className="muted">{gate.text}{gate.approvals?.map((said) => ` · approved by ${said.actor}`)}</span>
          <button type="button" onClick={() => setAsked('approve')}>Approve</button>
          <button type="button" className="danger" onClick={() => setAsked('reject')}>Reject</button>
        </div>
      )}
      {asked && (
        <ReasonDialog
          title={`${word} ${detail.rollout}`} word={word} will={will} isDangerous={asked === 'reject'}
          send={async (body, key) => {
            onDone(await post<Detail>(`/api/v1/rollouts/${encodeURIComponent(detail.run ?? '')}/${asked}`, body, key));
            setAsked(null);
          }}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}

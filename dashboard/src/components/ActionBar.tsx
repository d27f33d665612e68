// The buttons of a rollout. What is not possible now is disabled and says why.
import { useState } from 'react';
import { ACTIONS, actionWord, whyNot, type Action } from '../lib/actions';
import type { Detail } from '../lib/types';
import { ActionDialog } from './ActionDialog';

export function ActionBar({ detail, isNewest, onDone }: { detail: Detail; isNewest: boolean; onDone: (after: Detail) => void }) {
  const [open, setOpen] = useState<Action | null>(null);
  // Pause and resume share a place: only one of them ever makes sense.
  const hidden: Action = whyNot('resume', detail, isNewest) === null && detail.status !== 'running' ? 'pause' : 'resume';
  const shown = ACTIONS.filter((action) => action !== hidden || whyNot(action, detail, isNewest) === null);
  return (
    <div className="actions" role="group" aria-label="Actions">
      {shown.map((action) => {
        const why = whyNot(action, detail, isNewest);
        return (
          <button
            key={action}
            type="button"
            className={action === 'rollback' || action === 'abort' ? 'danger' : ''}
            aria-disabled={why !== null}
            aria-describedby={why === null ? undefined : `why-${action}`}
            title={why ?? undefined}
            onClick={() => why === null && setOpen(action)}
          >
            {actionWord[action]}
            {why !== null && <span id={`why-${action}`} className="why">{why}</span>}
          </button>
        );
      })}
      {open && (
        <ActionDialog
          action={open}
          detail={detail}
          isNewest={isNewest}
          onClose={() => setOpen(null)}
          onDone={(after) => {
            setOpen(null);
            onDone(after);
          }}
        />
      )}
    </div>
  );
}

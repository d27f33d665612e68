// Asks before anything is done: says what will happen, takes a reason, and shows a refusal where it was asked.
//
// The key of the request is made once for the dialog, so that a second click or a repeat after a lost answer does it once.
import { useState, type FormEvent } from 'react';
import { actionWord, consequences, targetsOf, whyNot, type Action, type Target } from '../lib/actions';
import { percent } from '../lib/format';
import type { Detail } from '../lib/types';
import { newKey, post } from '../state/session';
import { Dialog } from './Dialog';

/** As the API takes it, characters. */
const REASON_CHARS_MAX = 1000;

interface Props {
  action: Action;
  detail: Detail;
  isNewest: boolean;
  onClose: () => void;
  onDone: (after: Detail) => void;
}

export function ActionDialog({ action, detail, isNewest, onClose, onDone }: Props) {
  const [target, setTarget] = useState<Target>(() => targetsOf(detail)[0]?.to ?? 'stable');
  const [reason, setReason] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [key, setKey] = useState(newKey);
  const targets = targetsOf(detail);
  const why = whyNot(action, detail, isNewest);
  const title = `${actionWord[action]} ${detail.rollout}`;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || why !== null) return;
    setBusy(true);
    setError(null);
    const body = { ...(reason.trim() !== '' && { reason: reason.trim() }), ...(action === 'rollback' && { to: target }) };
    try {
      onDone(await post<Detail>(`/api/v1/rollouts/${encodeURIComponent(detail.run ?? '')}/${action}`, body, key));
    } catch (refused) {
      setError(refused instanceof Error ? refused.message : String(refused));
      setBusy(false);
    }
  };
  /** Another request needs another key. */
  const renewed = <T,>(set: (value: T) => void) => (value: T) => {
    set(value);
    setKey(newKey());
  };

  return (
    <Dialog label={title} onClose={onClose}>
      <form onSubmit={submit}>
        <h2>{title}</h2>
        {action === 'rollback' && targets.length > 1 && (
          <fieldset className="targets">
            <legend>Where to</legend>
            {targets.map((one) => (
              <label key={String(one.to)}>
                <input type="radio" name="to" checked={one.to === target} onChange={() => renewed(setTarget)(one.to)} />
                <span>{one.label}</span>
                <b>{percent(one.share)}</b>
              </label>
            ))}
          </fieldset>
        )}
        <div className="will">
          <h3>What will happen</h3>
          <ul>
            {consequences(action, detail, target).map((line) => <li key={line}>{line}</li>)}
          </ul>
        </div>
        <label className="field">
          <span>Reason <span className="muted">goes into the history</span></span>
          <input value={reason} maxLength={REASON_CHARS_MAX} onChange={(event) => renewed(setReason)(event.target.value)} autoFocus autoComplete="off" />
        </label>
        {why !== null && <p className="refusal" role="alert">Not possible any more: {why}</p>}
        {error !== null && <p className="refusal" role="alert">{error}</p>}
        <div className="dialog-end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={action === 'rollback' || action === 'abort' ? 'primary danger' : 'primary'} disabled={busy || why !== null}>
            {busy ? 'Asking …' : actionWord[action]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

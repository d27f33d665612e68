// Asks before something is done, with a reason; shows a refusal where it was asked. One key for one intention.
import { useState, type FormEvent } from 'react';
import { newKey } from '../state/session';
import { Dialog } from './Dialog';

/** As the API takes it, characters. */
const REASON_CHARS_MAX = 1000;

interface Props {
  title: string;
  word: string;
  will: readonly string[];
  isDangerous?: boolean;
  /** Sends it; a refusal is thrown. */
  send: (body: { reason?: string }, key: string) => Promise<void>;
  onClose: () => void;
}

export function ReasonDialog({ title, word, will, isDangerous = false, send, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [key, setKey] = useState(newKey);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await send(reason.trim() === '' ? {} : { reason: reason.trim() }, key);
    } catch (refused) {
      setError(refused instanceof Error ? refused.message : String(refused));
      setBusy(false);
    }
  };
  return (
    <Dialog label={title} onClose={onClose}>
      <form onSubmit={submit}>
        <h2>{title}</h2>
        <div className="will">
          <h3>What will happen</h3>
          <ul>{will.map((line) => <li key={line}>{line}</li>)}</ul>
        </div>
        <label className="field">
          <span>Reason <span className="muted">goes into the history</span></span>
          <input value={reason} maxLength={REASON_CHARS_MAX} autoFocus autoComplete="off" onChange={(event) => { setReason(event.target.value); setKey(newKey()); }} />
        </label>
        {error !== null && <p className="refusal" role="alert">{error}</p>}
        <div className="dialog-end">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" className={isDangerous ? 'primary danger' : 'primary'} disabled={busy}>{busy ? 'Asking …' : word}</button>
        </div>
      </form>
    </Dialog>
  );
}

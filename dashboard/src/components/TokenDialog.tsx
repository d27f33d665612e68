// Asks for a token when the server wants one.
import { useState, type FormEvent } from 'react';
import { session, setToken } from '../state/session';
import { useStore } from '../state/store';
import { Dialog } from './Dialog';

export function TokenDialog() {
  const { asked, token } = useStore(session);
  const [text, setText] = useState('');
  if (asked === null) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const given = text.trim();
    if (given === '') return;
    setText('');
    setToken(given);
  };
  return (
    <Dialog label="This server wants a token">
      <form onSubmit={submit}>
        <h2>This server wants a token</h2>
        <p className="muted">{token === null ? 'A viewer can look; buttons need an operator.' : asked}</p>
        <label className="field">
          <span>Token</span>
          <input type="password" autoComplete="off" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} required />
        </label>
        <p className="hint">
          It is kept in this tab only and forgotten when the tab is closed. <code>fw token new</code> makes one.
        </p>
        <div className="dialog-end">
          <button type="submit" className="primary">
            Go on
          </button>
        </div>
      </form>
    </Dialog>
  );
}

// The token of this tab, and how the API is asked. The token is kept in sessionStorage only and sent as a Bearer token.
import { Store } from './store';

const KEY = 'fw.token';

function kept(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** The token; `asked` while the server wants one that we do not have. */
export const session = new Store<{ token: string | null; asked: string | null }>({ token: kept(), asked: null });

/** Takes a token; null forgets it. */
export function setToken(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // Storage may be closed to us; the token then lives as long as the page.
  }
  session.setNow({ token, asked: null });
}

/** Says that a token is needed, with the server's words. */
export function askForToken(why: string): void {
  if (session.get().asked !== why) session.setNow({ ...session.get(), asked: why });
}

/** Header fields of every request. */
export function headers(): Record<string, string> {
  const { token } = session.get();
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** A refusal of the API (RFC 9457), or that it can't be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the server has nothing of the kind: an older one, or one that leaves it out. */
  get isMissing(): boolean {
    return this.status === 501 || this.status === 405 || (this.status === 404 && this.code === 'not_found');
  }
}

async function asked(path: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(path, { cache: 'no-store', ...init, headers: { ...headers(), ...init.headers } }).catch(() => {
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.');
  });
  if (answer.ok) return answer;
  const problem: { code?: string; detail?: string } = await answer.json().catch(() => ({}));
  const error = new ApiError(answer.status, problem.code ?? '', problem.detail ?? `The server answered ${answer.status}.`);
  if (error.status === 401) askForToken(error.message);
  throw error;
}

/** GET, as JSON. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await asked(path, signal ? { signal } : {})).json()) as T;
}

/** GET, as a file. */
export const getBlob = async (path: string): Promise<Blob> => (await asked(path, {})).blob();

/** Whether a GET of this would succeed. */
export async function isThere(path: string): Promise<boolean> {
  return asked(path, { method: 'HEAD' }).then(() => true, () => false);
}

/** POST of JSON; the same key makes it safe to send twice. */
export async function post<T>(path: string, body: unknown, key: string): Promise<T> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'idempotency-key': key } };
  return (await (await asked(path, init)).json()) as T;
}

/** A key for one intention. `crypto.randomUUID` is not there for pages that came over plain HTTP. */
export const newKey = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

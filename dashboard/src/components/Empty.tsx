// A page without data says how there comes some.
import type { ReactNode } from 'react';

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="empty">
      <svg viewBox="0 0 120 48" width="120" height="48" aria-hidden="true">
        <path className="brand-stable" d="M4 40h112" />
        <path className="brand-canary" d="M4 40c30 0 34-8 48-18s26-14 60-14" />
      </svg>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

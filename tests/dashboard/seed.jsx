// The component of the first design document, as it stands there, with what it needs around it.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

// Real-time dashboard component
function RolloutDashboard() {
  const [status, setStatus] = useState(null);

  useEffect(() => {
    const eventSource = new EventSource('/events');

    eventSource.onmessage = (event) => {
      const data = JSON.parse(event.data);
      setStatus(data);
    };

    return () => eventSource.close();
  }, []);

  return (
    <div>
      <h2>Rollout Progress: {status?.progress}%</h2>
      <div>Current Phase: {status?.currentPhase?.description}</div>
      <div>Health Score: {status?.health}%</div>
      <div>Requests: {status?.state?.totalRequests}</div>
    </div>
  );
}

createRoot(document.getElementById('root')).render(<RolloutDashboard />);

/** Tells a simulator to hold what it draws, or to go on. */
export async function pauseDrawing(comfyUrl: string, paused: boolean): Promise<void> {
  const body = JSON.stringify({ paused });
  const answer = await fetch(`${comfyUrl}/sim/drawing`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
}

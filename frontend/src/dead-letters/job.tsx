import type { Job } from "../api/types"
import { count } from "../format/number"

const WORDS: Record<string, string> = { running: "running", done: "done", cancelled: "stopped", failed: "failed" }

/** How far a job is. */
export function Progress({ job }: { job: Job }) {
  const share = job.total ? Math.min(100, (100 * (job.done + job.failed)) / job.total) : job.state === "done" ? 100 : 0
  return (
    <div>
      <div className="line-up">
        <span role="status">
          {count(job.done)} of {count(job.total)} · {WORDS[job.state] ?? job.state}
          {job.failed > 0 && ` · ${count(job.failed)} could not be`}
        </span>
        {job.waiting && <span className="muted small">waits: {job.waiting}</span>}
      </div>
      <div
        className="meter"
        role="progressbar"
        aria-label={`${job.kind}`}
        aria-valuenow={Math.round(share)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <i style={{ width: `${share}%` }} />
      </div>
      {job.error && <p className="tone-failed wrap">{job.error}</p>}
    </div>
  )
}

export function JobLine({ job }: { job: Job }) {
  return (
    <div className="job-line">
      <strong className="job-kind">{job.kind}</strong>
      <div className="grow">
        <Progress job={job} />
      </div>
      {job.subscription_name && <span className="muted cut">{job.subscription_name}</span>}
    </div>
  )
}

import cliProgress from 'cli-progress';

/** How far each model is. */
export interface Progress {
  show(model: string, share: number, stage: string): void;
  stop(): void;
}

/** One bar a model on a terminal, one line a stage elsewhere. */
export function createProgress(models: readonly string[], output: NodeJS.WriteStream): Progress {
  const width = Math.max(...models.map(({ length }) => length));
  const bars = new cliProgress.MultiBar(
    {
      format: '  {model} {bar} {percentage}% {stage}',
      hideCursor: true,
      clearOnComplete: false,
      stream: output,
      noTTYOutput: false,
    },
    cliProgress.Presets.shades_classic,
  );
  const started = new Map<string, cliProgress.SingleBar>();
  const said = new Set<string>();
  return {
    show(model, share, stage) {
      if (!output.isTTY) return sayOnce(`${model}: ${stage}`, said, output);
      const labels = { model: model.padEnd(width), stage };
      const bar = started.get(model);
      if (bar) bar.update(Math.round(share * 100), labels);
      else started.set(model, bars.create(100, Math.round(share * 100), labels));
    },
    stop: () => bars.stop(),
  };
}

function sayOnce(line: string, said: Set<string>, output: NodeJS.WriteStream): void {
  if (said.has(line)) return;
  said.add(line);
  output.write(`  ${line}\n`);
}

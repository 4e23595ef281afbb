// Plain JavaScript, so that any Node can read it: older ones cannot even parse the rest.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Slipway runs on Node 24; this is ${process.version}. On Linux x64, npm ci brings its own. Elsewhere install Node 24 or newer and put it first on the PATH.\n`,
  );
  process.exit(1);
}

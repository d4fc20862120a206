// SPDX-License-Identifier: MIT
/** `node tools/coverage.mjs FOLDER` shows what V8 has noted in that folder: which of our lines the unit tests execute, by file. */
import c8 from 'c8';

const report = new c8.Report({
  reporter: ['text'],
  tempDirectory: process.argv[2],
  excludeNodeModules: true,
  // The tests are bundled with what they test: what is not wanted shows only when the bundles are mapped to their sources.
  excludeAfterRemap: true,
  exclude: ['test/**'],
  omitRelative: true,
  resolve: '',
});
await report.run();

/** Resident set of this process, in MB: what Lambda measures a function's memory by. */
export const residentMb = (): number => process.memoryUsage.rss() / 2 ** 20;

/** Where a contract suite runs: an emulator, or AWS itself when `endpoint` is left out. */
export interface AwsTarget {
  readonly endpoint?: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

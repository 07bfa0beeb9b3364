/** The version of this SDK. */
export const VERSION = "0.1.0";

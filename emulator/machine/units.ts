// SPDX-License-Identifier: MIT
/**
 * The units of the rig. Branded types prevent confusion of an index with an address:
 * a `Pfn` cannot be passed as a `Gpa`, although both are numbers at run time.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Guest physical address, in bytes. */
export type Gpa = Branded<'Gpa'>;
/** Page frame number: a `Gpa` divided by {@link PAGE_BYTES}. */
export type Pfn = Branded<'Pfn'>;
/** Index of a 512-byte sector on a disk. */
export type Sector = Branded<'Sector'>;

/** Bytes in a page of the guest. */
export const PAGE_BYTES = 4096;
/** Bytes in a disk sector. */
export const SECTOR_BYTES = 512;

export const gpa = (bytes: number): Gpa => bytes as Gpa;
export const pfn = (index: number): Pfn => index as Pfn;
export const sector = (index: number): Sector => index as Sector;

/** The address at which frame `frame` begins. */
export const gpaOfPfn = (frame: Pfn): Gpa => (frame * PAGE_BYTES) as Gpa;
/** The frame that holds address `address`. */
export const pfnOfGpa = (address: Gpa): Pfn => Math.floor(address / PAGE_BYTES) as Pfn;

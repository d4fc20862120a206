// SPDX-License-Identifier: MIT
/** An event of a field, of which a view needs what is in the field. The project is checked without the types of the DOM. */
export interface Entered {
  readonly currentTarget: { readonly value: string };
}

// SPDX-License-Identifier: MIT
/** The part of Preact's JSX that the page uses. */
import type { Children, VNode } from 'preact';

/** What the page's elements can have. */
export interface ElementAttributes {
  readonly key?: string | number;
  readonly id?: string;
  readonly name?: string;
  readonly class?: string;
  readonly style?: Readonly<Record<string, string | number>>;
  readonly title?: string;
  readonly role?: string;
  readonly type?: 'button' | 'number' | 'range';
  readonly readOnly?: boolean;
  readonly 'aria-disabled'?: boolean;
  readonly 'aria-hidden'?: 'true';
  readonly hidden?: boolean;
  readonly tabIndex?: number;
  readonly value?: number | string;
  readonly max?: number;
  readonly min?: number;
  readonly step?: number;
  /** Of a field: its width in characters. */
  readonly size?: number;
  readonly width?: number;
  readonly height?: number;
  readonly scope?: 'row' | 'col';
  readonly rows?: number;
  readonly spellcheck?: boolean;
  readonly onInput?: (event: unknown) => void;
  readonly 'aria-pressed'?: boolean;
  /** Called with the element when it is drawn, and with null when it goes. */
  readonly ref?: (element: unknown) => void;
  readonly onChange?: (event: unknown) => void;
  readonly onSubmit?: (event: unknown) => void;
  readonly for?: string;
  readonly label?: string;
  readonly disabled?: boolean;
  readonly list?: string;
  readonly 'aria-valuetext'?: string;
  readonly href?: string;
  readonly download?: string;
  readonly 'aria-label'?: string;
  readonly 'aria-keyshortcuts'?: string;
  readonly 'aria-live'?: 'polite';
  readonly 'aria-current'?: 'step';
  readonly 'data-kind'?: string;
  readonly viewBox?: string;
  readonly stroke?: string;
  readonly d?: string;
  readonly 'shape-rendering'?: 'crispEdges';
  readonly onClick?: (event: unknown) => void;
  readonly children?: Children;
}

type Tag =
  | 'a'
  | 'b'
  | 'button'
  | 'canvas'
  | 'code'
  | 'datalist'
  | 'details'
  | 'div'
  | 'figcaption'
  | 'figure'
  | 'form'
  | 'h1'
  | 'h2'
  | 'header'
  | 'input'
  | 'kbd'
  | 'label'
  | 'li'
  | 'main'
  | 'ol'
  | 'optgroup'
  | 'option'
  | 'p'
  | 'path'
  | 'pre'
  | 'progress'
  | 'section'
  | 'select'
  | 'span'
  | 'summary'
  | 'svg'
  | 'table'
  | 'tbody'
  | 'thead'
  | 'td'
  | 'textarea'
  | 'th'
  | 'tr'
  | 'ul';

export namespace JSX {
  type Element = VNode;
  type ElementType = Tag | ((props: never) => VNode | null);
  type IntrinsicElements = Record<Tag, ElementAttributes>;
  interface IntrinsicAttributes {
    readonly key?: string | number;
  }
  interface ElementChildrenAttribute {
    readonly children: unknown;
  }
}

export function jsx(type: unknown, props: object, key?: string | number): VNode;
export function jsxs(type: unknown, props: object, key?: string | number): VNode;
export function Fragment(props: { readonly children?: Children }): VNode;

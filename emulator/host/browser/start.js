// SPDX-License-Identifier: MIT
/**
 * Starts the page, or says what the browser lacks. A browser of any age reads this file, so it is neither bundled nor a module, and is
 * written in the language of 2009.
 */
(function () {
  'use strict';
  var script = document.createElement('script');
  var lacks = [];
  if (!('noModule' in script)) lacks.push('JavaScript modules');
  if (typeof Worker === 'undefined') lacks.push('workers');
  if (typeof WebAssembly === 'undefined') lacks.push('WebAssembly');
  if (typeof BigInt64Array === 'undefined') lacks.push('BigInt64Array');
  // Of the same years as workers that are modules, which cannot be asked for.
  if (typeof DecompressionStream === 'undefined') lacks.push('DecompressionStream');
  var say = function (text) {
    var message = document.createElement('p');
    message.id = 'lacks';
    message.setAttribute('role', 'alert');
    message.appendChild(document.createTextNode(text));
    var session = document.getElementById('session');
    session.parentNode.insertBefore(message, session);
  };
  if (lacks.length === 0) {
    script.type = 'module';
    script.src = 'page.js';
    // Of a part that it loads, too.
    script.onerror = function () {
      say(
        'A program of this page could not be loaded. Reload the page. ' +
          'If that does not help, see that the server is running and has all files of the page.',
      );
    };
    document.body.appendChild(script);
    return;
  }
  say(
    'This browser cannot show the machine. It lacks: ' +
      lacks.join(', ') +
      '. Open this page with Chromium 80, Firefox 114 or Safari 16.4, or a later version.',
  );
})();

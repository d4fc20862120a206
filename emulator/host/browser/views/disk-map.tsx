// SPDX-License-Identifier: MIT
/** The disk map: a strip for each volume, a legend, and what is known of one place. */
import type { VNode } from 'preact';
import type { MachineShown } from '../../../cycle/machines.js';
import type { DifferenceShown, ImageShown, SectorShown } from '../session/disk-reader.js';
import type { RedirectedShown } from '../session/redirected-reader.js';
import type { DiskShown } from '../session/disks.js';
import {
  placeText,
  redirectedNow,
  sectorAt,
  stripPicture,
  stripsNow,
  stripsOf,
  type Place,
  type Strip,
} from './disk-map-model.js';
import { bytesText } from './memory-map-model.js';
import { MapCanvas } from './map-canvas.js';
import type { Painter } from './painter.js';
import { StripFigure, stripLabel, StripLegend } from './strip.js';
import type { Entered } from './entered.js';

export interface DiskMapProps {
  readonly painter: Painter;
  /** Empty while there is nothing to see. */
  readonly disks: readonly DiskShown[];
  readonly machines: readonly MachineShown[];
  /** What the machine that runs has written since; undefined at a pause. */
  readonly running: MachineShown | undefined;
  readonly differences: readonly DifferenceShown[];
  readonly image: ImageShown | undefined;
  readonly redirected: RedirectedShown | undefined;
  /** What is known of the sector that was asked for last. */
  readonly sector: SectorShown | undefined;
  readonly place: Place | undefined;
  readonly onPlace: (place: Place) => void;
}

export function DiskMap({
  painter,
  disks,
  machines,
  running,
  differences,
  image,
  redirected,
  sector,
  place,
  onPlace,
}: DiskMapProps): VNode | null {
  if (disks.length === 0) return null;
  const strips = stripsNow(
    disks,
    stripsOf(disks, machines, { differences, image, redirected: redirectedNow(redirected, machines, running) }),
    running,
  );
  return (
    <section id="disks" aria-label="disk map">
      <h2>
        Disks <span class="dim">a pixel is 64 KiB</span>
      </h2>
      <div class="map">
        <div class="strips">
          {disks.map(({ device, sectors, volumes }) => (
            <div key={device}>
              {strips
                .filter(({ volume }) => volumes.includes(volume))
                .map((strip) => (
                  <StripView
                    key={strip.volume.device}
                    painter={painter}
                    strip={strip}
                    onSector={(sector) => onPlace({ disk: device, sector })}
                  />
                ))}
              <label>
                Sector of {device}{' '}
                <input
                  id={`sector-${device}`}
                  type="number"
                  min={0}
                  max={sectors - 1}
                  onChange={(event) => {
                    const sector = Number((event as Entered).currentTarget.value);
                    if (Number.isInteger(sector) && sector >= 0 && sector < sectors) onPlace({ disk: device, sector });
                  }}
                />
              </label>
            </div>
          ))}
        </div>
        <StripLegend strips={strips} />
      </div>
      <p id="place" aria-live="polite">
        {place && placeText(place, strips)}
      </p>
      {sector && <SectorView {...sector} />}
    </section>
  );
}

function SectorView({ disk, sector, owner, laterOwner, bytes, later }: SectorShown): VNode {
  const bytesOf = (when: string, of: Uint8Array): VNode => (
    <pre tabIndex={0} aria-label={`bytes of the sector, ${when}`}>
      {bytesText(of, sector * of.length)}
    </pre>
  );
  return (
    <div id="sector" aria-live="polite">
      <p>
        Sector {sector} of {disk}: {owner}
        {laterOwner !== undefined && `; at the resume: ${laterOwner}`}
        {later && '. Its bytes at the snapshot, and at the resume:'}
      </p>
      {bytesOf('at the snapshot', bytes)}
      {later && bytesOf('at the resume', later)}
    </div>
  );
}

interface StripProps extends Pick<DiskMapProps, 'painter'> {
  readonly strip: Strip;
  readonly onSector: (sector: number) => void;
}

function StripView({ painter, strip, onSector }: StripProps): VNode {
  const picture = stripPicture(strip);
  return (
    <StripFigure volume={strip.volume}>
      <MapCanvas
        painter={painter}
        picture={picture}
        label={stripLabel(strip)}
        width={`${2 * picture.width}px`}
        onPlace={(x, y) => {
          const sector = sectorAt(strip, x, y);
          if (sector !== undefined) onSector(sector);
        }}
      />
    </StripFigure>
  );
}

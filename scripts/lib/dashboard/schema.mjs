// Writes the dashboard as a constant of TypeScript with the type that Grafana publishes, which the compiler then checks: fields
// that are missing, of the wrong type, or that Grafana does not know.
//
//   node schema.mjs DASHBOARD FILE
import { readFileSync, writeFileSync } from "node:fs";

const [dashboard, file] = process.argv.slice(2);
const options = (name) => `@grafana/schema/dist/esm/raw/composable/${name.toLowerCase()}/panelcfg/x/${name}PanelCfg_types.gen`;
writeFileSync(file, `
import type { Dashboard, DataQuery, DataSourceRef, FieldConfig, FieldConfigSource, GridPos, Panel } from "@grafana/schema";
import type { Options as Stat } from "${options("Stat")}";
import type { FieldConfig as GraphFields, Options as Graph } from "${options("TimeSeries")}";

// In JSON a value of an enumeration is its text.
type Json<T> = T extends string ? \`\${T}\`
    : T extends number | boolean | null | undefined ? T
    : T extends (infer U)[] ? Json<U>[]
    : T extends object ? { [K in keyof T]: Json<T[K]> }
    : T;
// What is optional to Grafana, and not to us.
interface Query extends DataQuery { datasource: DataSourceRef; expr: string; legendFormat: string; instant: boolean; range: boolean }
type Fields<C> = Omit<FieldConfigSource, "defaults"> & { defaults: Omit<FieldConfig, "custom"> & { custom?: C } };
type Of<Type extends string, Options, Custom> = Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> & {
    type: Type; title: string; description: string; gridPos: GridPos; options: Options; fieldConfig: Fields<Custom>; targets: Query[];
};
type Shown = Of<"stat", Stat, never> | Of<"timeseries", Graph, GraphFields>;

export const dashboard: Json<Omit<Dashboard, "panels"> & { panels: Shown[] }> = ${readFileSync(dashboard, "utf8")};
`);
